package penmobile.jvm

import penmobile.PenException
import penmobile.bundle.Bundle
import penmobile.bundle.MakerKey
import penmobile.bundle.jsonText
import penmobile.bundle.parseJson
import penmobile.face.Eyes
import penmobile.face.Place
import penmobile.face.RgbImage
import penmobile.runtime.BundleRuntime
import penmobile.runtime.Tensor
import penmobile.session.Session
import penmobile.store.Store
import penmobile.store.StoreOptions
import java.io.File

/**
 * Answers requests of the tests in Python: one JSON object a line on the standard input, one on the standard output.
 * An answer is written when everything that it says is on the disk.
 */
fun main() {
    NativeRuntime.threads(1)
    Harness().use { harness ->
        generateSequence(::readLine).filter { it.isNotBlank() }.forEach { line ->
            println(jsonText(harness.answer(Request(parseJson(line) as Map<*, *>))))
            System.out.flush()
        }
    }
}

/** One request. */
class Request(private val values: Map<*, *>) {
    fun text(name: String): String = values[name] as String

    fun file(name: String): File = File(text(name))

    fun number(name: String): Double = (values[name] as Number).toDouble()

    fun has(name: String): Boolean = values[name] != null

    fun floats(name: String): FloatArray = floatsOf(values[name])

    fun items(name: String): List<Request> = (values[name] as List<*>).map { Request(it as Map<*, *>) }

    private fun floatsOf(value: Any?) = (value as List<*>).map { (it as Number).toFloat() }.toFloatArray()
}

private class Harness : AutoCloseable {
    private var session: Session? = null
    private var runtime: BundleRuntime? = null
    private var now = 0.0

    fun answer(request: Request): Map<String, Any?> = try {
        done(request)
    } catch (error: PenException) {
        mapOf("problem" to error.problem.name, "message" to error.message)
    }

    private fun done(request: Request): Map<String, Any?> = when (val name = request.text("do")) {
        "check" -> bundle(request).manifest.let { mapOf("targets" to it.targets) }
        "open" -> open(request)
        "label" -> mapOf("labels" to label(request))
        "adapt" -> at(request) { it.adapt().metrics() + ("version" to it.version) }
        "predict" -> at(request) { session ->
            val found = session.predict(request.floats("z"))
            mapOf("targets" to found.targets.toList(), "gate" to found.gate.toList())
        }
        "rollback" -> at(request) { mapOf("version" to it.rollback()) }
        "reload" -> at(request) { mapOf("version" to it.reload().version) }
        "news" -> at(request) { mapOf("new" to it.hasNewLabels) }
        "history" -> at(request) { session ->
            mapOf("history" to session.history().map { listOf(it.version, it.status) }, "labels" to session.labels)
        }
        "export" -> at(request) { session -> mapOf("bytes" to request.file("out").also { session.export(it.outputStream()) }.length()) }
        "delete" -> at(request) { it.deleteAll().let { emptyMap() } }
        "train" -> train(request)
        "features" -> mapOf("z" to programs().feature(request.floats("frame")).toList())
        "find" -> at(request) { session ->
            val image = RgbImage(request.number("width").toInt(), request.number("height").toInt(), request.file("image").readBytes())
            val previous = if (request.has("previous")) eyes(request.floats("previous")) else null
            val eyes = session.find(image, previous)
            mapOf("eyes" to eyes?.let { listOf(it.right.x, it.right.y, it.left.x, it.left.y) })
        }
        "replay" -> replay(request)
        "soak" -> soak(request)
        "time" -> time(request)
        else -> throw IllegalArgumentException("unknown request $name")
    }

    private fun bundle(request: Request): Bundle {
        val key = if (request.has("public_key")) MakerKey.fromPem(request.file("public_key").readText()) else null
        return Bundle.open(request.file("bundle"), key)
    }

    private fun open(request: Request): Map<String, Any?> {
        close()
        val bundle = bundle(request)
        if (request.has("now")) now = request.number("now")
        val key = if (request.has("key")) request.text("key").chunked(2).map { it.toInt(16).toByte() }.toByteArray() else null
        val database = JdbcDatabase(request.file("store"))
        val store = try {
            val days = if (request.has("days")) request.number("days") else StoreOptions().days
            Store(database, bundle, StoreOptions(key, days = days) { now })
        } catch (error: PenException) {
            database.close()
            throw error
        }
        val programs = BundleRuntime(bundle, NativePrograms, request.file("folder"))
        runtime = programs
        session = Session(programs, store)
        return mapOf("labels" to store.count, "version" to store.active().version)
    }

    private fun label(request: Request): Int = at(request) { session ->
        request.items("samples").forEach { session.label(it.floats("z"), it.floats("y"), it.number("t")) }
        session.labels
    }

    /** Call a train method as the manifest describes it; state starts at the shipped parameters and zeros. */
    private fun train(request: Request): Map<String, Any?> {
        val programs = programs()
        val head = programs.bundle.manifest.values["head"] as Map<*, *>
        val part = (head["train"] as List<*>).map { Request(it as Map<*, *>) }.first { it.text("optimizer") == request.text("optimizer") }
        val file = programs.bundle.path(programs.bundle.manifest.head.file, request.file("folder"))
        val rows = intArrayOf(part.number("steps").toInt(), part.number("batch").toInt())
        fun tensor(values: FloatArray, vararg shape: Int) = Tensor(shape.toList(), values)
        NativePrograms.open(file).use { program ->
            var state = part.items("state").mapIndexed { place, tensor ->
                val shape = tensor.floats("shape").map { it.toInt() }
                Tensor(shape, if (place == 0) programs.shipped else FloatArray(shape.reduce(Int::times)))
            }
            val losses = request.items("calls").flatMap { call ->
                val sizes = listOf(programs.bundle.manifest.head.featureSize, programs.bundle.manifest.head.targetCount)
                val inputs = listOf("z", "y").zip(sizes) { name, size -> tensor(call.floats(name), *rows, size) } +
                    tensor(call.floats("weight"), *rows) + request.floats("hyper").let { tensor(it, it.size) }
                val outputs = program.execute(part.text("method"), state + inputs)
                state = state.zip(outputs) { old, values -> Tensor(old.shape, values) }
                outputs.last().toList()
            }
            return mapOf("losses" to losses, "trained" to state[0].values.toList())
        }
    }

    private fun eyes(places: FloatArray): Eyes {
        val (x, y, otherX, otherY) = places.map { it.toDouble() }
        return Eyes(Place(x, y), Place(otherX, otherY))
    }

    /** A recording from camera image to estimate: features and targets of every image. */
    private fun replay(request: Request): Map<String, Any?> = at(request) { session ->
        val (width, height) = listOf("width", "height").map { request.number(it).toInt() }
        val bytes = request.file("images").readBytes()
        val size = 3 * width * height
        val moments = request.items("moments").mapIndexed { number, moment ->
            val image = RgbImage(width, height, bytes.copyOfRange(number * size, (number + 1) * size))
            val feature = session.feature(image, eyes(moment.floats("eyes")))
            if (moment.has("y")) session.label(feature, moment.floats("y"), moment.number("t"))
            mapOf("z" to feature.toList(), "targets" to session.predict(feature).targets.toList())
        }
        mapOf("moments" to moments)
    }

    private fun soak(request: Request): Map<String, Any?> = at(request) { session ->
        val z = request.floats("z")
        fun round(predictions: Int, adaptations: Int): Long {
            repeat(predictions) { session.predict(z) }
            repeat(adaptations) { session.adapt() }
            System.gc()
            return Runtime.getRuntime().let { it.totalMemory() - it.freeMemory() }
        }
        val (predictions, adaptations) = listOf("predictions", "adaptations").map { request.number(it).toInt() }
        mapOf("first" to round(predictions / 10, adaptations / 10), "last" to round(predictions, adaptations))
    }

    /** Seconds of each of some adaptations, or of estimates from a frame when one is given. */
    private fun time(request: Request): Map<String, Any?> = at(request) { session ->
        val frame = if (request.has("frame")) request.floats("frame") else null
        val seconds = List(request.number("times").toInt()) {
            val started = System.nanoTime()
            if (frame == null) session.adapt() else session.predict(programs().feature(frame))
            (System.nanoTime() - started) / 1e9
        }
        mapOf("seconds" to seconds)
    }

    private fun <T> at(request: Request, use: (Session) -> T): T {
        if (request.has("now")) now = request.number("now")
        return use(requireNotNull(session) { "no session is open" })
    }

    private fun programs() = requireNotNull(runtime) { "no session is open" }

    override fun close() {
        session?.close()
        session = null
    }
}

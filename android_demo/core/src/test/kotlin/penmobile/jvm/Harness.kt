package penmobile.jvm

import penmobile.PenException
import penmobile.bundle.Bundle
import penmobile.bundle.MakerKey
import penmobile.bundle.jsonText
import penmobile.bundle.parseJson
import penmobile.face.RgbImage
import penmobile.runtime.BundleRuntime
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
            mapOf("targets" to found.targets.toList(), "gate" to found.gate.toList(), "clipped" to found.clipped)
        }
        "rollback" -> at(request) { mapOf("version" to it.rollback()) }
        "history" -> at(request) { session ->
            mapOf("history" to session.history().map { listOf(it.version, it.status) }, "labels" to session.labels)
        }
        "export" -> at(request) { session -> mapOf("bytes" to request.file("out").also { session.export(it.outputStream()) }.length()) }
        "delete" -> at(request) { it.deleteAll().let { emptyMap() } }
        "train" -> train(request)
        "features" -> mapOf("z" to programs().feature(request.floats("frame")).toList())
        "find" -> at(request) { session ->
            val image = RgbImage(request.number("width").toInt(), request.number("height").toInt(), request.file("image").readBytes())
            val eyes = session.find(image)
            mapOf("eyes" to eyes?.let { listOf(it.right.x, it.right.y, it.left.x, it.left.y) })
        }
        "soak" -> soak(request)
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

    private fun train(request: Request): Map<String, Any?> {
        val programs = programs()
        val part = programs.bundle.manifest.head.train.first { it.optimizer == request.text("optimizer") }
        var state = part.stateShapes.mapIndexed { place, shape ->
            if (place == 0) programs.shipped else FloatArray(shape.fold(1) { size, side -> size * side })
        }
        val losses = request.items("calls").flatMap { call ->
            val done = programs.train(part, state, call.floats("z"), call.floats("y"), call.floats("weight"), request.floats("hyper"))
            state = done.state
            done.loss.toList()
        }
        return mapOf("losses" to losses, "trained" to state[0].toList())
    }

    private fun soak(request: Request): Map<String, Any?> = at(request) { session ->
        val z = request.floats("z")
        fun round(predictions: Int, adaptations: Int): Long {
            repeat(predictions) { session.predict(z) }
            repeat(adaptations) { session.adapt() }
            System.gc()
            return Runtime.getRuntime().let { it.totalMemory() - it.freeMemory() }
        }
        val first = round(request.number("predictions").toInt() / 10, request.number("adaptations").toInt() / 10)
        val started = System.nanoTime()
        repeat(request.number("predictions").toInt()) { session.predict(z) }
        val predicted = System.nanoTime()
        val last = round(0, request.number("adaptations").toInt())
        val adapted = System.nanoTime()
        mapOf("first" to first, "last" to last, "predict_s" to (predicted - started) / 1e9, "adapt_s" to (adapted - predicted) / 1e9)
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

package penmobile.runtime

import penmobile.Problem
import penmobile.bundle.Bundle
import penmobile.bundle.FacePart
import penmobile.bundle.HeadPart
import penmobile.demand
import penmobile.face.Answers
import penmobile.face.FaceSearcher
import java.io.Closeable
import java.io.File

/** Targets `[K]`, and weights of the experts `[n_s]`, which sum to 1. */
class Estimate(val targets: FloatArray, val gate: FloatArray)

/** Head parameters, and the report of the method `adapt`, `[R, K]` row by row. */
class Adapted(val parameters: FloatArray, val report: FloatArray)

/**
 * The programs of one bundle, typed.
 *
 * @param bundle whose programs they are.
 * @param programs the runtime.
 * @param folder private folder of the app, for programs that are unpacked.
 */
class BundleRuntime(val bundle: Bundle, programs: Programs, folder: File) : Closeable {
    private val part: HeadPart = bundle.manifest.head
    private val head: Program = programs.open(bundle.path(part.file, folder))
    private val backbone: Program? = bundle.manifest.backbone?.let { programs.open(bundle.path(it.file, folder)) }
    private val face: Program? = bundle.manifest.face?.let { programs.open(bundle.path(it.file, folder)) }

    /** Finds faces with the bundle's detector; null: the bundle takes aligned frames only. */
    val faces: FaceSearcher? = bundle.manifest.face?.let { about -> FaceSearcher(about) { detect(about, it) } }

    /** Head parameters from which every phone starts, `[n_s (1 + K), D_z + 1]`. */
    val shipped: FloatArray = bundle.shippedParameters()

    /**
     * Extract the feature of a frame.
     *
     * @param frame `[3, S, S]`: RGB planes, 0 to 255.
     * @return `[D_z]`.
     */
    fun feature(frame: FloatArray): FloatArray {
        val about = bundle.manifest.backbone
        demand(about != null && backbone != null, Problem.BAD_INPUT) { "${bundle.origin} has no backbone: it takes no pictures" }
        val size = about.crop.size
        return call(backbone, about.method, listOf(Tensor(listOf(1, 3, size, size), frame)), about.featureSize)[0]
    }

    /**
     * Estimate the targets of one feature (Eq. 1), on the scale from -1 to 1, not clipped to it.
     *
     * @param parameters the head, `[n_s (1 + K), D_z + 1]`.
     * @param z feature `[D_z]`.
     */
    fun predict(parameters: FloatArray, z: FloatArray): Estimate {
        demand(z.size == part.featureSize, Problem.BAD_INPUT) { "the feature has ${z.size} numbers, not ${part.featureSize}" }
        val batch = z.copyOf(part.predictBatch * part.featureSize) // every row is answered by itself
        val inputs = listOf(head(parameters), Tensor(listOf(1, part.predictBatch, part.featureSize), batch))
        val (targets, gate) = call(head, part.predictMethod, inputs, part.predictBatch * part.targetCount)
        return Estimate(targets.copyOf(part.targetCount), gate.copyOf(part.expertCount))
    }

    /**
     * Adapt the shipped head under the prior.
     *
     * @param z features `[N, D_z]`, with N of the manifest; [y] labels `[N, K]`; [weight] `[N]`, 0 pads; [time] `[N]`,
     *     seconds since any moment.
     */
    fun adapt(z: FloatArray, y: FloatArray, weight: FloatArray, time: FloatArray): Adapted {
        val adapt = part.adapt
        demand(adapt != null, Problem.BAD_INPUT) { "${bundle.origin} carries no method adapt; export its run again" }
        val rows = listOf(1, adapt.labels)
        val inputs = listOf(
            head(shipped),
            Tensor(rows + part.featureSize, z),
            Tensor(rows + part.targetCount, y),
            Tensor(rows, weight),
            Tensor(rows, time),
        )
        val (parameters, report) = call(head, adapt.method, inputs, shipped.size)
        return Adapted(parameters, report)
    }

    override fun close() {
        head.close()
        backbone?.close()
        face?.close()
    }

    private fun detect(about: FacePart, planes: FloatArray): Answers {
        demand(face != null, Problem.BAD_INPUT) { "${bundle.origin} has no face detector" }
        val inputs = listOf(Tensor(listOf(1, 3, about.side, about.side), planes))
        val (places, probabilities) = call(face, about.method, inputs, 8 * about.anchors)
        return Answers(places, probabilities)
    }

    private fun head(parameters: FloatArray) = Tensor(part.parametersShape, parameters)

    private fun call(program: Program, method: String, inputs: List<Tensor>, first: Int): List<FloatArray> {
        val outputs = program.execute(method, inputs)
        demand(outputs.firstOrNull()?.size == first, Problem.RUNTIME) { "${bundle.origin}: method $method returns another shape" }
        return outputs
    }
}

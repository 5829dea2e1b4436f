package penmobile.session

import penmobile.PenException
import penmobile.Problem
import penmobile.bundle.Manifest
import penmobile.demand
import penmobile.face.Eyes
import penmobile.face.RgbImage
import penmobile.face.cropFace
import penmobile.runtime.BundleRuntime
import penmobile.runtime.Estimate
import penmobile.store.ActiveHead
import penmobile.store.HeadVersion
import penmobile.store.Store
import java.io.Closeable

/**
 * A bundle at work for one owner. All calls belong on one thread; every method writes the store before it returns.
 *
 * @param runtime the bundle's programs.
 * @param store opened for this bundle.
 */
class Session(private val runtime: BundleRuntime, private val store: Store) : Closeable {
    /** What the bundle says of itself. */
    val manifest: Manifest = runtime.bundle.manifest

    private var parameters: FloatArray = runtime.shipped

    init {
        reload()
    }

    /** Number of labels in the store. */
    val labels: Int get() = store.count

    /** Whether something was labelled since the last adaptation, accepted or not. */
    val hasNewLabels: Boolean
        get() = store.history().lastOrNull().let { last -> store.samples().any { last == null || it.capturedAt > last.createdAt } }

    /** Version of the head in use; null is the bundle's initial head. */
    val version: Long? get() = store.active().version

    /**
     * Find the eyes of the face that is followed, or of the largest; null when there is none.
     *
     * @param image upright, not mirrored.
     * @param previous eyes in the image before.
     * @throws PenException the bundle has no face detector.
     */
    fun find(image: RgbImage, previous: Eyes? = null): Eyes? {
        val faces = runtime.faces
        demand(faces != null, Problem.BAD_INPUT) { "${runtime.bundle.origin} has no face detector: give the eyes" }
        return faces.find(image, previous)
    }

    /**
     * Extract the feature of a face.
     *
     * @param image upright, not mirrored.
     * @param eyes where they are in it.
     * @return `[D_z]`.
     */
    fun feature(image: RgbImage, eyes: Eyes): FloatArray {
        val crop = manifest.backbone?.crop
        demand(crop != null, Problem.BAD_INPUT) { "${runtime.bundle.origin} has no backbone: it takes no pictures" }
        return runtime.feature(cropFace(image, eyes, crop).planes())
    }

    /**
     * Estimate the targets with the head in use, within the range of labels.
     *
     * @param feature `[D_z]`.
     */
    fun predict(feature: FloatArray): Estimate {
        val found = runtime.predict(parameters, feature)
        val inside = FloatArray(found.targets.size) { found.targets[it].coerceIn(-1f, 1f) }
        return Estimate(manifest.toLabels(inside), found.gate)
    }

    /**
     * Keep a labelled moment.
     *
     * @param feature `[D_z]`; [labels] `[K]`, in the range of labels; [capturedAt] Unix seconds, null is now.
     */
    fun label(feature: FloatArray, labels: FloatArray, capturedAt: Double? = null) = store.add(feature, manifest.toUnit(labels), capturedAt)

    /** Adapt the shipped head to all labels; the new head comes into use when a target is adapted. */
    fun adapt(): AdaptationResult {
        val started = System.nanoTime()
        val startedFrom = reload()
        val samples = store.samples()
        if (samples.isEmpty()) return reject(AdaptationResult(false, "there are no labels", 0), startedFrom)
        val part = manifest.head.adapt
        demand(part != null, Problem.BAD_INPUT) { "${runtime.bundle.origin} carries no method adapt; export its run again" }
        val used = usable(samples)
        val inputs = adaptInputs(used, part)
        val found = runtime.adapt(inputs.z, inputs.y, inputs.weight, inputs.time)
        val targets = TargetVerdict.of(found.report, manifest.targets, manifest.unit)
        val finite = found.parameters.none { it.isNaN() || it.isInfinite() }
        val accepted = finite && targets.any { it.verdict == Verdict.ADAPTED }
        val seconds = (System.nanoTime() - started) / 1e9
        val remark = sharedTimes(shortened(used.map { it.capturedAt }, Double.POSITIVE_INFINITY))
        val result = AdaptationResult(accepted, reasonOf(targets) + remark, samples.size, targets, samples.size - used.size, seconds)
        return if (accepted) accept(result, found.parameters, startedFrom) else reject(result, startedFrom)
    }

    /** Take the head before the present one back into use; return its version, null for the bundle's own. */
    fun rollback(): Long? = store.rollback().also { reload() }

    /** Return every adaptation, oldest first. */
    fun history(): List<HeadVersion> = store.history()

    /** Write all personal data, not encrypted, as an archive. */
    fun export(out: java.io.OutputStream) = store.export(out)

    /** Delete all personal data. */
    fun deleteAll() {
        store.deleteAll()
        reload()
    }

    override fun close() {
        runtime.close()
        store.close()
    }

    private fun accept(result: AdaptationResult, head: FloatArray, startedFrom: ActiveHead): AdaptationResult {
        try {
            store.accept(head, result.metrics(), startedFrom)
        } catch (error: PenException) {
            if (error.problem != Problem.OVERTAKEN) throw error
            reload()
            return result.copy(accepted = false, reason = error.message.orEmpty())
        }
        parameters = head
        return result
    }

    private fun reject(result: AdaptationResult, startedFrom: ActiveHead): AdaptationResult =
        result.also { store.reject(it.metrics(), startedFrom) }

    /** Take the head that the store has in use; another process may have adapted. Return which one that is. */
    fun reload(): ActiveHead {
        val (head, adapted) = store.activeParameters()
        parameters = adapted ?: runtime.shipped
        demand(parameters.size == runtime.shipped.size, Problem.STORE_DAMAGED) { "the head in use has another size" }
        return head
    }
}

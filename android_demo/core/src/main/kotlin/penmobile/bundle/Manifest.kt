package penmobile.bundle

import penmobile.PenException
import penmobile.Problem
import penmobile.demand

/** Size and SHA-256 of one file. */
data class FilePart(val bytes: Long, val sha256: String)

/**
 * How a face becomes a frame.
 *
 * @property detector name of the detector that finds the eyes.
 * @property margin side of the frame as a multiple of the distance between the eyes.
 * @property eyeHeight height of the eyes, as a share of the side, from the top.
 * @property size side of the frame, pixels.
 */
data class CropPart(val detector: String, val margin: Double, val eyeHeight: Double, val size: Int)

/**
 * The frozen feature extractor: `frame [1, 3, S, S] -> feature [1, D_z]`.
 *
 * @property identity equal when features of two bundles mean the same.
 */
data class BackbonePart(
    val file: String,
    val method: String,
    val name: String,
    val featureSize: Int,
    val crop: CropPart,
    val identity: String?,
)

/**
 * The face detector: `image [1, 3, side, side] -> places [1, anchors, 8], probabilities [1, anchors, 1]`.
 *
 * @property search how its answers become one face.
 */
data class FacePart(val file: String, val method: String, val side: Int, val anchors: Int, val search: FaceSearch)

/**
 * How answers of the face detector become one face.
 *
 * @property minScore probability from which an answer counts.
 * @property maxOverlap answers that share more of their union are one face.
 * @property window the square around a face that is looked at again.
 * @property looks how often it is looked at again, at most.
 * @property settled eyes that moved by less than this share of their distance have settled.
 * @property reach how far a face gets from one image to the next, in distances between the eyes.
 * @property squares how many pieces of a long image are looked at, at most, when the whole shows no face.
 */
data class FaceSearch(
    val minScore: Double,
    val maxOverlap: Double,
    val window: CropPart,
    val looks: Int,
    val settled: Double,
    val reach: Double,
    val squares: Int,
)

/**
 * Adaptation under the prior.
 *
 * @property labels N, samples of one call; weight 0 pads.
 * @property noiseSeconds time over which errors of neighbouring labels are alike, for each target.
 */
data class AdaptPart(val method: String, val labels: Int, val noiseSeconds: List<Double>)

/** A train method, which phones other than this one call; [parametersShape] is that of its first tensor of state. */
data class TrainPart(val optimizer: String, val parametersShape: List<Int>)

/**
 * The trainable head.
 *
 * @property expertCount n_s.
 * @property targetCount K.
 * @property featureSize D_z.
 * @property predictBatch B of `predict`.
 */
data class HeadPart(
    val file: String,
    val parametersFile: String,
    val expertCount: Int,
    val targetCount: Int,
    val featureSize: Int,
    val predictMethod: String,
    val predictBatch: Int,
    val adapt: AdaptPart?,
    val train: List<TrainPart>,
) {
    /** Shape of the head parameters, `[1, n_s (1 + K), D_z + 1]`. */
    val parametersShape: List<Int> get() = listOf(1, expertCount * (1 + targetCount), featureSize + 1)

    /** Size of the head parameters, bytes. */
    val parameterBytes: Long get() = 4L * expertCount * (1 + targetCount) * (featureSize + 1)
}

/**
 * `manifest.json`.
 *
 * @property targets names of what the model estimates, in the order of outputs and labels.
 * @property lowest smallest label, and [highest] the largest, on the scale that people see; heads and stores work on -1..1.
 * @property dataDigest hash of the source people's table.
 * @property values everything that the manifest says, to show.
 */
data class Manifest(
    val recipe: String,
    val targets: List<String>,
    val lowest: Double,
    val highest: Double,
    val backbone: BackbonePart?,
    val face: FacePart?,
    val head: HeadPart,
    val storeSchema: String,
    val dataDigest: String,
    val files: Map<String, FilePart>,
    val values: Map<String, Any?>,
) {
    /** Length on the labels' own scale of 1 on the scale from -1 to 1. */
    val unit: Double get() = (highest - lowest) / 2

    /** Return labels `[K]` on the scale from -1 to 1. */
    fun toUnit(labels: FloatArray): FloatArray = FloatArray(labels.size) { ((labels[it] - middle) / unit).toFloat() }

    /** Return values `[K]` of the scale from -1 to 1 on the labels' own scale. */
    fun toLabels(values: FloatArray): FloatArray = FloatArray(values.size) { (middle + unit * values[it]).toFloat() }

    private val middle: Double get() = (lowest + highest) / 2

    companion object {
        /**
         * Read a manifest; what the schema does not know is refused.
         *
         * @param content UTF-8 JSON.
         * @param name what messages call it.
         * @throws PenException it is no manifest, of another version, or for another system.
         */
        fun read(content: ByteArray, name: String): Manifest {
            val values = try {
                ManifestReader.checked(parseJson(content))
            } catch (error: IllegalArgumentException) {
                throw PenException(Problem.BUNDLE_DAMAGED, "$name is not a valid manifest: ${error.message}", error)
            }
            val manifest = ManifestReader(values).manifest()
            val fault = disagreement(manifest)
            demand(fault == null, Problem.BUNDLE_DAMAGED) { "$name is not a valid manifest: $fault" }
            demand(values["runtime"] != "coreml", Problem.BUNDLE_FOREIGN) { "$name is for Apple systems; get the bundle for Android" }
            return manifest
        }

        /** Return what parts of a manifest disagree on, which the schema cannot say; null for nothing. */
        private fun disagreement(manifest: Manifest): String? {
            val head = manifest.head
            val backbone = manifest.backbone
            val optimizers = head.train.map { it.optimizer }
            val plan = manifest.values["adaptation"] as Map<*, *>
            val optimizer = plan["optimizer"]
            val named = listOfNotNull(head.file, head.parametersFile, manifest.storeSchema, backbone?.file, manifest.face?.file)
            return when {
                manifest.targets.toSet().size < manifest.targets.size -> "two targets have one name"
                manifest.targets.size != head.targetCount -> "${manifest.targets.size} targets, the head has ${head.targetCount}"
                manifest.lowest >= manifest.highest -> "label_range is not ascending"
                backbone != null && backbone.featureSize != head.featureSize ->
                    "backbone gives ${backbone.featureSize} features, head takes ${head.featureSize}"
                optimizer !in optimizers -> "adaptation.optimizer $optimizer is not among ${optimizers.joinToString()}"
                plan["strategy"] == "prior" && head.adapt == null -> "adaptation.strategy is prior, but there is no method adapt"
                optimizers.toSet().size < optimizers.size -> "two train methods have one optimizer"
                (manifest.values["model"] == null) != (manifest.values["serial"] == null) -> "model and serial go together"
                manifest.face != null && backbone?.crop?.detector != "blazeface" -> "face is given, but backbone.crop asks for another"
                head.train.any { it.parametersShape != head.parametersShape } -> "a train method's state has another shape"
                else -> named.firstOrNull { it !in manifest.files }?.let { "file $it is used but not listed under files" }
            }
        }
    }
}

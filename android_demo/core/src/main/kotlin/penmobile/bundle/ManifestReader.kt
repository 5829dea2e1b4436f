package penmobile.bundle

import penmobile.Problem
import penmobile.demand

/**
 * Takes the keys that this library needs out of a manifest that follows its schema.
 *
 * @param values the manifest's object.
 */
internal class ManifestReader(private val values: Map<String, Any?>) {
    fun manifest(): Manifest {
        val range = numbers(values["label_range"])
        return Manifest(
            recipe = text(values, "recipe"),
            targets = (values["targets"] as List<*>).map { it as String },
            lowest = range[0],
            highest = range[1],
            backbone = values["backbone"]?.let { backbone(part(it)) },
            face = values["face"]?.let { face(part(it)) },
            head = head(part(values["head"])),
            storeSchema = text(values, "store_schema"),
            dataDigest = text(part(values["source"]), "data_digest"),
            files = part(values["files"]).mapValues { (_, file) -> part(file).let { FilePart(it["bytes"] as Long, text(it, "sha256")) } },
            values = values,
        )
    }

    private fun backbone(part: Map<String, Any?>): BackbonePart {
        val crop = part(part["crop"])
        return BackbonePart(
            text(part, "file"),
            text(part, "method"),
            text(part, "name"),
            count(part, "feature_size"),
            CropPart(text(crop, "detector"), number(crop["margin"]), number(crop["eye_height"]), count(crop, "size")),
            part["identity"] as String?,
        )
    }

    private fun face(part: Map<String, Any?>): FacePart {
        val search = part(part["search"])
        val side = count(part, "side")
        val window = CropPart("", number(search["window_margin"]), number(search["window_eye_height"]), side)
        val found = FaceSearch(
            number(search["min_score"]), number(search["max_overlap"]), window, count(search, "looks"), number(search["settled"]),
            number(search["reach"]), count(search, "squares"),
        )
        return FacePart(text(part, "file"), text(part, "method"), side, count(part, "anchors"), found)
    }

    private fun head(part: Map<String, Any?>): HeadPart {
        val predict = part(part["predict"])
        return HeadPart(
            text(part, "file"),
            text(part, "head_parameters"),
            count(part, "expert_count"),
            count(part, "target_count"),
            count(part, "feature_size"),
            text(predict, "method"),
            count(predict, "batch"),
            part["adapt"]?.let { adapt(part(it)) },
            (part["train"] as List<*>).map { train(part(it)) },
        )
    }

    private fun adapt(part: Map<String, Any?>) = AdaptPart(text(part, "method"), count(part, "labels"), numbers(part["noise_seconds"]))

    private fun train(part: Map<String, Any?>): TrainPart {
        val parameters = part((part["state"] as List<*>).first())
        return TrainPart(text(part, "optimizer"), numbers(parameters["shape"]).map { it.toInt() })
    }

    companion object {
        private const val SCHEMA = "/manifest.schema.json"

        private val schema: Map<String, Any?> by lazy {
            val stream = requireNotNull(ManifestReader::class.java.getResourceAsStream(SCHEMA)) { "resource $SCHEMA is missing" }
            part(parseJson(stream.use { it.readBytes() }))
        }

        /** The schema version that this release reads. */
        private val version: Any?
            get() = part(part(schema["properties"])["schema_version"])["const"]

        /**
         * Return the object of a manifest that follows the schema.
         *
         * @throws IllegalArgumentException it does not.
         * @throws penmobile.PenException it is of another version.
         */
        fun checked(value: Any?): Map<String, Any?> {
            require(value is Map<*, *>) { "it is no JSON object" }
            val found = value["schema_version"]
            demand(found == version, Problem.BUNDLE_NEWER) {
                "the bundle has schema version $found; this app reads $version: update the app, or export the bundle again"
            }
            JsonSchema(schema).fault(value)?.let { throw IllegalArgumentException(it) }
            return part(value)
        }

        @Suppress("UNCHECKED_CAST") // keys of JSON objects are strings
        private fun part(value: Any?): Map<String, Any?> = value as Map<String, Any?>

        private fun text(part: Map<String, Any?>, key: String): String = part[key] as String

        private fun count(part: Map<String, Any?>, key: String): Int = (part[key] as Long).toInt()

        private fun number(value: Any?): Double = (value as Number).toDouble()

        private fun numbers(value: Any?): List<Double> = (value as List<*>).map { number(it) }
    }
}

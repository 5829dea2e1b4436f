package penmobile.store

import penmobile.bundle.Bundle
import penmobile.bundle.jsonText

/**
 * How to open a store.
 *
 * @property key 32 bytes that the host keeps; null: the store is not encrypted.
 * @property samples how many labels are kept; the oldest go first.
 * @property days how long a label is kept after its capture.
 * @property heads how many old heads are kept.
 * @property events how many log entries are kept.
 * @property clock returns the present time, Unix seconds.
 */
class StoreOptions(
    val key: ByteArray? = null,
    val samples: Int = 5000,
    val days: Double = 365.0,
    val heads: Int = 8,
    val events: Int = 1000,
    val clock: () -> Double = { System.currentTimeMillis() / 1e3 },
)

/**
 * What a store notes of its bundle, to know it again.
 *
 * @property backbone identity of the backbone.
 * @property featureSize D_z.
 * @property targets JSON array of names, as the store has it.
 * @property headBytes size of the head's parameters.
 * @property head SHA-256 of the parameters that the bundle ships.
 * @property program SHA-256 of the backbone's program, by which older bundles know a backbone.
 * @property model name of the model, or empty; of one model, no lower [serial] is taken than the store has seen.
 */
internal data class Binding(
    val backbone: String,
    val featureSize: Long,
    val targets: String,
    val headBytes: Long,
    val head: String,
    val program: String?,
    val model: String,
    val serial: Long,
) {
    companion object {
        fun of(bundle: Bundle): Binding {
            val manifest = bundle.manifest
            val program = manifest.backbone?.let { manifest.files.getValue(it.file).sha256 }
            return Binding(
                manifest.backbone?.identity ?: program ?: manifest.dataDigest,
                manifest.head.featureSize.toLong(),
                jsonText(manifest.targets, blank = " "),
                manifest.head.parameterBytes,
                manifest.files.getValue(manifest.head.parametersFile).sha256,
                program,
                manifest.values["model"] as? String ?: "",
                manifest.values["serial"] as? Long ?: 0,
            )
        }
    }
}

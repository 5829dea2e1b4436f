package penmobile.bundle

import penmobile.Problem
import penmobile.demand
import java.io.File
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val MANIFEST = "manifest.json"
private const val SEAL = "manifest.json.sha256"
private const val SIGNATURE = "manifest.json.sig"
private const val MAX_MANIFEST_BYTES = 1 shl 20
private const val MAX_SEAL_BYTES = 128
private const val MAX_SIGNATURE_BYTES = 80

/**
 * A bundle whose every byte is what its maker sealed.
 *
 * @property manifest what it says of itself.
 */
class Bundle private constructor(private val files: BundleFiles, val manifest: Manifest) {
    /** What was opened, for messages. */
    val origin: String get() = files.origin

    /** Return a path at which a runtime can open a file; of an archive, a copy in the private [folder]. It is hashed again. */
    fun path(name: String, folder: File): File = files.path(name, folder).also { checkHash(it.inputStream(), name) }

    /** Return the content of a text file of the bundle. */
    fun text(name: String): String = String(content(name), Charsets.UTF_8)

    /** Return the head parameters that the bundle ships, `[n_s (1 + K), D_z + 1]`, row by row. */
    fun shippedParameters(): FloatArray {
        val bytes = content(manifest.head.parametersFile)
        val numbers = FloatArray(bytes.size / 4)
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(numbers)
        return numbers
    }

    private fun content(name: String): ByteArray = files.read(name, Int.MAX_VALUE).also { checkHash(it.inputStream(), name) }

    private fun checkFile(name: String, part: FilePart) {
        demand(name in files.names, Problem.BUNDLE_DAMAGED) { "${files.origin}: $name is missing; get the bundle again" }
        val size = files.size(name)
        demand(size == part.bytes, Problem.BUNDLE_DAMAGED) {
            "${files.origin}: $name was changed: it has $size bytes, the manifest says ${part.bytes}"
        }
        checkHash(files.open(name), name)
    }

    private fun checkHash(stream: InputStream, name: String) {
        demand(stream.sha256().hex() == manifest.files.getValue(name).sha256, Problem.BUNDLE_DAMAGED) {
            "${files.origin}: $name was changed: its SHA-256 is not the manifest's"
        }
    }

    companion object {
        /**
         * Check a bundle completely, in the order of the format's section "Opening, in order".
         *
         * @param path folder or archive.
         * @param key of its maker; null accepts a bundle of anybody.
         * @throws penmobile.PenException it is no bundle, of another version, incomplete, not signed by the key, or
         *     any byte differs; the message names the file.
         */
        fun open(path: File, key: MakerKey?): Bundle {
            val files = BundleFiles.of(path)
            val content = files.read(MANIFEST, MAX_MANIFEST_BYTES)
            if (key != null) checkSignature(files, content, key)
            val seal = "${sha256(content).hex()}  $MANIFEST\n".toByteArray()
            demand(files.read(SEAL, MAX_SEAL_BYTES).contentEquals(seal), Problem.BUNDLE_DAMAGED) {
                "$path: $MANIFEST was changed: its SHA-256 is not the one in $SEAL"
            }
            val manifest = Manifest.read(content, "$path/$MANIFEST")
            checkNames(files, manifest)
            val bundle = Bundle(files, manifest)
            manifest.files.forEach { (name, part) -> bundle.checkFile(name, part) }
            val parameters = manifest.files.getValue(manifest.head.parametersFile).bytes
            demand(parameters == manifest.head.parameterBytes, Problem.BUNDLE_DAMAGED) {
                "$path: the head has $parameters bytes, its sizes ask for ${manifest.head.parameterBytes}"
            }
            return bundle
        }

        private fun checkSignature(files: BundleFiles, content: ByteArray, key: MakerKey) {
            demand(SIGNATURE in files.names, Problem.NOT_SIGNED) { "${files.origin} is not signed: $SIGNATURE is missing" }
            demand(key.signed(content, files.read(SIGNATURE, MAX_SIGNATURE_BYTES)), Problem.FORGED) {
                "${files.origin} was not signed with this key, or changed since: do not use it"
            }
        }

        private fun checkNames(files: BundleFiles, manifest: Manifest) {
            val own = setOf(MANIFEST, SEAL, SIGNATURE)
            val total = manifest.files.values.fold(0L) { sum, part -> sum + part.bytes }
            demand(manifest.files.size <= MAX_FILES && total <= MAX_BYTES, Problem.BUNDLE_DAMAGED) { "${files.origin} is too large" }
            val unlisted = (files.names - own - manifest.files.keys).minOrNull()
            demand(unlisted == null, Problem.BUNDLE_DAMAGED) { "${files.origin}: ${unlisted?.take(80)} is not listed in $MANIFEST" }
            val impossible = manifest.files.keys.firstOrNull { it in own }
            demand(impossible == null, Problem.BUNDLE_DAMAGED) { "${files.origin}: $MANIFEST lists $impossible" }
            if (SIGNATURE in files.names) files.read(SIGNATURE, MAX_SIGNATURE_BYTES)
        }
    }
}

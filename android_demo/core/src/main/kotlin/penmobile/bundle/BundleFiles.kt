package penmobile.bundle

import penmobile.PenException
import penmobile.Problem
import penmobile.demand
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.file.Files
import java.nio.file.LinkOption

/** Largest bundle: this many files, and this many bytes of all files together. */
internal const val MAX_FILES = 64
internal const val MAX_BYTES = 1L shl 30

/** Where the files of a bundle lie: a folder or an archive. */
interface BundleFiles {
    /** What messages call the bundle. */
    val origin: String

    /** Names of all files, at most a few more than a bundle may have. */
    val names: Set<String>

    /** Size of a file, bytes. */
    fun size(name: String): Long

    /** Open a file for reading. */
    fun open(name: String): InputStream

    /**
     * Return a path at which a runtime can open a file.
     *
     * @param folder private folder of the app, for a file that has no path of its own.
     */
    fun path(name: String, folder: File): File

    companion object {
        /**
         * Find the files of a bundle.
         *
         * @param path folder or archive.
         * @throws PenException it is neither.
         */
        fun of(path: File): BundleFiles = when {
            path.isDirectory -> FolderFiles(path)
            path.isFile -> ArchiveFiles.of(path)
            else -> throw PenException(Problem.NOT_A_BUNDLE, "$path is not a bundle folder or archive")
        }
    }
}

/** Read a small file of which nothing is known yet. */
internal fun BundleFiles.read(name: String, limit: Int): ByteArray {
    demand(name in names, Problem.BUNDLE_DAMAGED) { "$origin: $name is missing; get the bundle again" }
    val size = size(name)
    demand(size <= limit, Problem.BUNDLE_DAMAGED) { "$origin: $name is larger than $limit bytes; no bundle has such a file" }
    val content = open(name).use { it.readBytes() }
    demand(content.size.toLong() == size, Problem.BUNDLE_DAMAGED) { "$origin: $name changed while it was read" }
    return content
}

/** The files of a bundle folder; a link is none. */
internal class FolderFiles(private val folder: File) : BundleFiles {
    override val origin: String get() = folder.path

    override val names: Set<String> = list()

    override fun size(name: String): Long = Files.size(file(name))

    override fun open(name: String): InputStream = Files.newInputStream(file(name))

    override fun path(name: String, folder: File): File = File(this.folder, name)

    private fun file(name: String) = File(folder, name).toPath()

    private fun list(): Set<String> {
        val entries = try {
            Files.newDirectoryStream(folder.toPath()).use { stream -> stream.take(2 * MAX_FILES) }
        } catch (error: IOException) {
            throw PenException(Problem.NOT_A_BUNDLE, "$folder cannot be read: ${error.message}", error)
        }
        val odd = entries.firstOrNull { !Files.isRegularFile(it, LinkOption.NOFOLLOW_LINKS) }
        demand(odd == null, Problem.BUNDLE_DAMAGED) { "$odd is not a plain file; a bundle holds nothing else" }
        return entries.map { it.fileName.toString() }.toSet()
    }
}

package penmobile.bundle

import penmobile.PenException
import penmobile.Problem
import penmobile.demand
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32

private const val LOCAL = 0x04034b50
private const val CENTRAL = 0x02014b50
private const val END = 0x06054b50
private const val END_BYTES = 22
private const val LOCAL_BYTES = 30
private const val CENTRAL_BYTES = 46
private const val MAX_NAME = 64L
private const val VERSION: Short = 20
private const val EARLIEST_DATE: Short = 0x21 // 1980-01-01
private const val MADE_BY: Short = 0x314 // Unix, version 2.0
private const val MODE_644 = 0x1a4 shl 16
private val NAME = Regex("[a-z0-9][a-z0-9_.-]{0,63}")

/** One file of an archive: [size] bytes from [start] on. */
internal class ArchiveEntry(val name: String, val size: Long, val crc: Int, val header: Long) {
    /** Where the content starts. */
    val start: Long get() = header + LOCAL_BYTES + name.length
}

/** The files of an archive, read in place: nothing in it is compressed. */
internal class ArchiveFiles private constructor(private val archive: File, private val entries: Map<String, ArchiveEntry>) : BundleFiles {
    override val origin: String get() = archive.path

    override val names: Set<String> get() = entries.keys

    override fun size(name: String): Long = entry(name).size

    override fun open(name: String): InputStream {
        val file = RandomAccessFile(archive, "r")
        file.seek(entry(name).start)
        return SliceStream(file, entry(name).size)
    }

    override fun path(name: String, folder: File): File {
        folder.mkdirs()
        val target = File(folder, name)
        target.replaced { out -> open(name).eachBlock { block, length -> out.write(block, 0, length) } }
        return target
    }

    private fun entry(name: String): ArchiveEntry =
        entries[name] ?: throw PenException(Problem.BUNDLE_DAMAGED, "$archive: $name is missing; get the bundle again")

    companion object {
        /**
         * Read the list of files, and compare every byte that is no content with what the exporter writes.
         *
         * @throws PenException the archive differs by one byte, is compressed, or promises more than it has.
         */
        fun of(archive: File): ArchiveFiles {
            val entries = try {
                RandomAccessFile(archive, "r").use { ArchiveReader(archive, it).entries() }
            } catch (error: IOException) {
                throw PenException(Problem.NOT_A_BUNDLE, "$archive cannot be read: ${error.message}", error)
            }
            val files = ArchiveFiles(archive, entries.associateBy { it.name })
            for (entry in entries) {
                val crc = CRC32()
                files.open(entry.name).eachBlock { block, length -> crc.update(block, 0, length) }
                demand(crc.value.toInt() == entry.crc, Problem.BUNDLE_DAMAGED) { "$archive: ${entry.name} was changed" }
            }
            return files
        }
    }
}

/** The exact bytes around the contents of an archive, as the exporter packs it. */
internal object ArchiveLayout {
    fun local(entry: ArchiveEntry): ByteArray = buffer(LOCAL_BYTES, entry.name).apply {
        putInt(LOCAL)
        common(entry)
        put(entry.name.toByteArray())
    }.array()

    fun central(entry: ArchiveEntry): ByteArray = buffer(CENTRAL_BYTES, entry.name).apply {
        putInt(CENTRAL).putShort(MADE_BY)
        common(entry)
        putShort(0).putShort(0).putShort(0).putInt(MODE_644).putInt(entry.header.toInt())
        put(entry.name.toByteArray())
    }.array()

    fun end(count: Int, directory: Int, start: Long): ByteArray = buffer(END_BYTES, "").apply {
        putInt(END).putShort(0).putShort(0).putShort(count.toShort()).putShort(count.toShort())
        putInt(directory).putInt(start.toInt()).putShort(0)
    }.array()

    private fun buffer(size: Int, name: String) = ByteBuffer.allocate(size + name.length).order(ByteOrder.LITTLE_ENDIAN)

    private fun ByteBuffer.common(entry: ArchiveEntry) {
        putShort(VERSION).putShort(0).putShort(0).putShort(0).putShort(EARLIEST_DATE)
        putInt(entry.crc).putInt(entry.size.toInt()).putInt(entry.size.toInt())
        putShort(entry.name.length.toShort()).putShort(0)
    }
}

/** Walks over the files of an archive, one behind the other; what follows the last must be the list that they ask for. */
private class ArchiveReader(private val archive: File, private val file: RandomAccessFile) {
    fun entries(): List<ArchiveEntry> {
        val found = generateSequence(entryAt(0)) { entryAt(it.start + it.size) }.take(MAX_FILES + 1).toList()
        check(found.size in 1..MAX_FILES) { "it has no files, or too many" }
        check(found.map { it.name } == found.map { it.name }.toSortedSet().toList()) { "its names are not in order" }
        val end = found.last().let { it.start + it.size }
        val list = found.map(ArchiveLayout::central).fold(ByteArray(0)) { all, one -> all + one }
        val expected = list + ArchiveLayout.end(found.size, list.size, end)
        check(end + expected.size == file.length()) { "its list of files is cut" }
        check(bytes(end, expected.size).array().contentEquals(expected)) { "its list of files" }
        return found
    }

    /** The file whose header stands at a place, or null when there is none. */
    private fun entryAt(place: Long): ArchiveEntry? {
        val head = bytes(place, minOf(LOCAL_BYTES + MAX_NAME, maxOf(0L, file.length() - place)).toInt())
        if (head.remaining() < LOCAL_BYTES || head.getInt(0) != LOCAL) return null
        val length = head.getShort(26).toInt()
        check(length in 1..minOf(MAX_NAME.toInt(), head.remaining() - LOCAL_BYTES)) { "a name is cut" }
        val name = String(head.array(), LOCAL_BYTES, length, Charsets.ISO_8859_1)
        check(NAME.matches(name)) { "a name does not belong into a bundle" }
        val entry = ArchiveEntry(name, head.getInt(22).toLong() and 0xffffffffL, head.getInt(14), place)
        check(head.array().copyOf(LOCAL_BYTES + length).contentEquals(ArchiveLayout.local(entry))) { "the header of $name" }
        check(entry.start + entry.size <= file.length()) { "$name is cut" }
        return entry
    }

    private fun bytes(at: Long, size: Int): ByteBuffer {
        val found = ByteArray(size)
        file.seek(at)
        file.readFully(found)
        return ByteBuffer.wrap(found).order(ByteOrder.LITTLE_ENDIAN)
    }

    private inline fun check(condition: Boolean, why: () -> String) =
        demand(condition, Problem.NOT_A_BUNDLE) { "$archive is not packed as bundles are: ${why()}" }
}

/** A part of a file as a stream; closing it closes the file. */
private class SliceStream(private val file: RandomAccessFile, private var left: Long) : InputStream() {
    override fun read(): Int {
        val one = ByteArray(1)
        return if (read(one, 0, 1) < 0) -1 else one[0].toInt() and 0xff
    }

    override fun read(target: ByteArray, offset: Int, length: Int): Int {
        if (left <= 0) return -1
        val count = file.read(target, offset, minOf(length.toLong(), left).toInt())
        if (count > 0) left -= count
        return count
    }

    override fun close() = file.close()
}

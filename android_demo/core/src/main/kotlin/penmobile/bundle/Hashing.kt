package penmobile.bundle

import penmobile.Problem
import penmobile.demand
import java.io.File
import java.io.InputStream
import java.io.OutputStream
import java.nio.channels.FileChannel
import java.security.MessageDigest

/** Bytes as lower-case hexadecimal digits. */
fun ByteArray.hex(): String = joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') }

/** SHA-256 of some bytes. */
fun sha256(vararg parts: ByteArray): ByteArray =
    MessageDigest.getInstance("SHA-256").also { digest -> parts.forEach(digest::update) }.digest()

/** SHA-256 of what is left of a stream, which is closed. */
fun InputStream.sha256(): ByteArray {
    val digest = MessageDigest.getInstance("SHA-256")
    eachBlock { block, length -> digest.update(block, 0, length) }
    return digest.digest()
}

/** Call [use] with every block of a stream, and close it. */
internal fun InputStream.eachBlock(use: (block: ByteArray, length: Int) -> Unit) = use { stream ->
    val block = ByteArray(1 shl 16)
    while (true) {
        val length = stream.read(block)
        if (length < 0) break
        use(block, length)
    }
}

/**
 * Write a file anew under another name, then give it its own: whoever has mapped the old one keeps it, and after a power loss
 * there is the old one or the new one, whole.
 *
 * @throws penmobile.PenException it cannot be renamed.
 */
fun File.replaced(write: (OutputStream) -> Unit) {
    val written = File(path + ".new")
    written.outputStream().use {
        write(it)
        it.fd.sync()
    }
    demand(written.renameTo(this), Problem.DISK) { "$this cannot be written" }
    FileChannel.open(absoluteFile.parentFile.toPath()).use { it.force(true) }
}

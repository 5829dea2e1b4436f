package penmobile.bundle

import java.io.InputStream
import java.security.MessageDigest

/** Bytes as lower-case hexadecimal digits. */
fun ByteArray.hex(): String = joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') }

/** SHA-256 of some bytes. */
fun sha256(vararg parts: ByteArray): ByteArray =
    MessageDigest.getInstance("SHA-256").also { digest -> parts.forEach(digest::update) }.digest()

/** Call [use] with every block of a stream, and close it. */
internal fun InputStream.eachBlock(use: (block: ByteArray, length: Int) -> Unit) = use { stream ->
    val block = ByteArray(1 shl 16)
    while (true) {
        val length = stream.read(block)
        if (length < 0) break
        use(block, length)
    }
}

package penmobile.store

import penmobile.Problem
import penmobile.bundle.hex
import penmobile.bundle.sha256
import penmobile.demand
import java.security.GeneralSecurityException
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.Mac
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.SecretKeySpec

internal const val KEY_BYTES = 32
internal const val TAG_BYTES = 16
private const val NONCE_BYTES = 12
private val KEY_CHECK_PLACE = "pen-mobile personal store".toByteArray()

/** How blobs become what the file holds; a place names the store and the row of a blob. */
internal interface BlobCipher {
    /** Return what to store; its last 16 bytes are the tag. */
    fun seal(blob: ByteArray, place: ByteArray): ByteArray

    /** Return the blob, or null when it is not what was sealed for this place. */
    fun open(stored: ByteArray, place: ByteArray): ByteArray?

    /** Return 64 hexadecimal digits that are equal for equal blobs. */
    fun digest(blob: ByteArray): String

    /** Return the 32 bytes that a row's name and tag count for. */
    fun rowHash(row: ByteArray): ByteArray

    /** Return what tells this key from another one; null in the clear. */
    fun keyCheck(): ByteArray?
}

/** No encryption: a blob, then the first 16 bytes of SHA-256 over place, a zero byte and blob. */
internal object Plaintext : BlobCipher {
    override fun seal(blob: ByteArray, place: ByteArray): ByteArray = blob + checksum(blob, place)

    override fun open(stored: ByteArray, place: ByteArray): ByteArray? {
        if (stored.size < TAG_BYTES) return null
        val blob = stored.copyOf(stored.size - TAG_BYTES)
        return blob.takeIf { stored.copyOfRange(blob.size, stored.size).contentEquals(checksum(blob, place)) }
    }

    override fun digest(blob: ByteArray): String = sha256(blob).hex()

    override fun rowHash(row: ByteArray): ByteArray = sha256(row)

    override fun keyCheck(): ByteArray? = null

    private fun checksum(blob: ByteArray, place: ByteArray) = sha256(place, byteArrayOf(0), blob).copyOf(TAG_BYTES)
}

/** AES-256-GCM: a random nonce of 12 bytes, ciphertext, tag; digests are HMAC-SHA-256 under keys derived from the key. */
internal class AesGcm(key: ByteArray) : BlobCipher {
    private val key = SecretKeySpec(key, "AES")
    private val momentKey = hmac(key, "pen-mobile moment".toByteArray())
    private val rowsKey = hmac(key, "pen-mobile rows".toByteArray())
    private val random = SecureRandom()

    init {
        demand(key.size == KEY_BYTES, Problem.WRONG_KEY) { "the key has ${key.size} bytes; AES-256 takes $KEY_BYTES" }
    }

    override fun seal(blob: ByteArray, place: ByteArray): ByteArray {
        val nonce = ByteArray(NONCE_BYTES).also(random::nextBytes)
        return nonce + cipher(Cipher.ENCRYPT_MODE, nonce, place).doFinal(blob)
    }

    override fun open(stored: ByteArray, place: ByteArray): ByteArray? {
        if (stored.size < NONCE_BYTES + TAG_BYTES) return null
        return try {
            cipher(Cipher.DECRYPT_MODE, stored.copyOf(NONCE_BYTES), place).doFinal(stored, NONCE_BYTES, stored.size - NONCE_BYTES)
        } catch (expected: GeneralSecurityException) { // another key or place, or damaged: the caller says which row
            null
        }
    }

    override fun digest(blob: ByteArray): String = hmac(momentKey, blob).hex()

    override fun rowHash(row: ByteArray): ByteArray = hmac(rowsKey, row)

    override fun keyCheck(): ByteArray = seal(ByteArray(0), KEY_CHECK_PLACE)

    fun matches(keyCheck: ByteArray): Boolean = open(keyCheck, KEY_CHECK_PLACE) != null

    private fun cipher(mode: Int, nonce: ByteArray, place: ByteArray): Cipher = Cipher.getInstance("AES/GCM/NoPadding").apply {
        init(mode, key, GCMParameterSpec(8 * TAG_BYTES, nonce))
        updateAAD(place)
    }

    private fun hmac(key: ByteArray, blob: ByteArray): ByteArray =
        Mac.getInstance("HmacSHA256").apply { init(SecretKeySpec(key, "HmacSHA256")) }.doFinal(blob)
}

/**
 * Return the cipher of a store that exists.
 *
 * @param key 32 bytes, or null.
 * @param keyCheck what the store keeps to know its key.
 * @throws penmobile.PenException the key is another one, missing, or not needed.
 */
internal fun matchingCipher(key: ByteArray?, keyCheck: ByteArray?): BlobCipher {
    if (keyCheck == null) {
        demand(key == null, Problem.WRONG_KEY) { "the store is not encrypted, but a key was given" }
        return Plaintext
    }
    demand(key != null, Problem.WRONG_KEY) { "the store is encrypted; give its key" }
    val cipher = AesGcm(key)
    demand(cipher.matches(keyCheck), Problem.WRONG_KEY) { "the key is not the store's; nothing was read or changed" }
    return cipher
}

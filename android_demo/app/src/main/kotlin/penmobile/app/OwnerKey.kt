package penmobile.app

import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import penmobile.PenException
import penmobile.Problem
import penmobile.bundle.replaced
import java.io.File
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.ProviderException
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

private const val PROVIDER = "AndroidKeyStore"
private const val ALIAS = "penmobile.store"
private const val NONCE_BYTES = 12
private const val KEY_BYTES = 32

/**
 * The store's key: 32 random bytes in a file, wrapped by a key that never leaves Android's keystore.
 *
 * @param file outside of backups.
 */
class OwnerKey(private val file: File) {
    /**
     * Return the key; it is made when there is none.
     *
     * @throws PenException this phone cannot unwrap it.
     */
    fun read(): ByteArray = try {
        if (file.isFile) unwrap(file.readBytes()) else make()
    } catch (error: GeneralSecurityException) {
        throw locked(error)
    } catch (error: ProviderException) { // the keystore itself fails
        throw locked(error)
    }

    private fun locked(error: Exception) =
        PenException(Problem.WRONG_KEY, "the key of the store cannot be unlocked: ${error.message}", error)

    /** Forget the key: a store that was made with it is never read again. */
    fun delete() {
        file.delete()
        KeyStore.getInstance(PROVIDER).apply { load(null) }.deleteEntry(ALIAS)
    }

    private fun make(): ByteArray {
        val key = ByteArray(KEY_BYTES).also(SecureRandom()::nextBytes)
        val cipher = Cipher.getInstance("AES/GCM/NoPadding").apply { init(Cipher.ENCRYPT_MODE, wrapper()) } // its own nonce
        file.replaced { it.write(cipher.iv + cipher.doFinal(key)) }
        return key
    }

    private fun unwrap(wrapped: ByteArray): ByteArray {
        val cipher = Cipher.getInstance("AES/GCM/NoPadding")
        cipher.init(Cipher.DECRYPT_MODE, wrapper(), GCMParameterSpec(128, wrapped, 0, NONCE_BYTES))
        return cipher.doFinal(wrapped, NONCE_BYTES, wrapped.size - NONCE_BYTES)
    }

    private fun wrapper(): SecretKey {
        val store = KeyStore.getInstance(PROVIDER).apply { load(null) }
        return store.getKey(ALIAS, null) as SecretKey? ?: generated()
    }

    private fun generated(): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val about = KeyGenParameterSpec.Builder(ALIAS, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, PROVIDER).apply { init(about) }.generateKey()
    }
}

package penmobile.bundle

import penmobile.PenException
import penmobile.Problem
import penmobile.demand
import java.math.BigInteger
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.Signature
import java.security.interfaces.ECPublicKey
import java.security.spec.X509EncodedKeySpec
import java.util.Base64

/**
 * The public key of a bundle's maker, on P-256.
 *
 * @param key that signatures are checked with.
 */
class MakerKey private constructor(private val key: ECPublicKey) {
    /** Return whether the key's holder signed exactly these bytes; [signature] is DER. */
    fun signed(content: ByteArray, signature: ByteArray): Boolean = try {
        Signature.getInstance("SHA256withECDSA").run {
            initVerify(key)
            update(content)
            verify(signature)
        }
    } catch (expected: GeneralSecurityException) { // the signature is no DER: nobody's
        false
    }

    companion object {
        private val PEM = Regex("-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----\\s*")
        private val P_256_PRIME = BigInteger("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)
        private val P_256_B = BigInteger("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b", 16)

        /**
         * Read a PEM public key.
         *
         * @throws PenException it is none, or on another curve.
         */
        fun fromPem(text: String): MakerKey {
            val match = PEM.matchEntire(text)
            demand(match != null, Problem.BAD_INPUT) { "the maker's key is no PEM public key" }
            val key = try {
                val der = Base64.getMimeDecoder().decode(match.groupValues[1])
                KeyFactory.getInstance("EC").generatePublic(X509EncodedKeySpec(der)) as ECPublicKey
            } catch (error: GeneralSecurityException) {
                throw PenException(Problem.BAD_INPUT, "the maker's key is no elliptic-curve key", error)
            } catch (error: IllegalArgumentException) {
                throw PenException(Problem.BAD_INPUT, "the maker's key is no PEM public key", error)
            }
            demand(isP256(key), Problem.BAD_INPUT) { "the maker's key is not on P-256 (prime256v1)" }
            return MakerKey(key)
        }

        private fun isP256(key: ECPublicKey): Boolean {
            val field = key.params.curve.field as? java.security.spec.ECFieldFp
            return field?.p == P_256_PRIME && key.params.curve.b == P_256_B
        }
    }
}

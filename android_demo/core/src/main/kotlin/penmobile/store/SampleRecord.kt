package penmobile.store

import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val HEAD_BYTES = 24
private val ORIGIN = Regex("[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")

/** Floats as little-endian bytes. */
internal fun bytesOf(values: FloatArray): ByteArray =
    ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN).also { it.asFloatBuffer().put(values) }.array()

/** Little-endian bytes as floats. */
internal fun floatsOf(bytes: ByteArray): FloatArray =
    FloatArray(bytes.size / 4).also { ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(it) }

/**
 * One labelled sample without its feature.
 *
 * @property capturedAt Unix seconds.
 * @property agedFrom time from which it ages: the capture, unless the clock was wrong then.
 * @property half whether the feature is kept as float16.
 * @property labels K of them, in the order of the store's targets.
 */
internal class SampleRecord(
    val capturedAt: Double,
    val agedFrom: Double,
    val weight: Float,
    val half: Boolean,
    val labels: FloatArray,
    val origin: String,
) {
    private val isSane: Boolean
        get() = listOf(capturedAt, agedFrom, weight.toDouble()).none { it.isNaN() || it.isInfinite() } && weight > 0 &&
            capturedAt >= 0 && labels.all { it >= -1 && it <= 1 } && ORIGIN.matches(origin)

    fun toBytes(): ByteArray {
        val text = origin.toByteArray()
        return ByteBuffer.allocate(HEAD_BYTES + 4 * labels.size + text.size).order(ByteOrder.LITTLE_ENDIAN).apply {
            putDouble(capturedAt).putDouble(agedFrom).putFloat(weight)
            put(if (half) 1 else 0).put(labels.size.toByte()).putShort(text.size.toShort())
            labels.forEach(::putFloat)
            put(text)
        }.array()
    }

    companion object {
        /** Return the record in some bytes, or null when they hold none with [targets] labels. */
        fun of(blob: ByteArray, targets: Int): SampleRecord? {
            if (blob.size < HEAD_BYTES + 4 * targets || blob[21].toInt() != targets || blob[20] !in 0..1) return null
            val buffer = ByteBuffer.wrap(blob).order(ByteOrder.LITTLE_ENDIAN)
            val text = blob.copyOfRange(HEAD_BYTES + 4 * targets, blob.size)
            if (text.size != buffer.getShort(22).toInt()) return null
            val labels = FloatArray(targets) { buffer.getFloat(HEAD_BYTES + 4 * it) }
            val half = blob[20].toInt() == 1
            return SampleRecord(buffer.getDouble(0), buffer.getDouble(8), buffer.getFloat(16), half, labels, String(text))
                .takeIf { it.isSane }
        }
    }
}

/** Return the value of a float16, given by its bits. */
internal fun halfToFloat(bits: Int): Float {
    val sign = if (bits and 0x8000 != 0) -1f else 1f
    val exponent = bits shr 10 and 0x1f
    val fraction = bits and 0x3ff
    return sign * when (exponent) {
        0 -> Math.scalb(fraction.toFloat(), -24)
        31 -> if (fraction == 0) Float.POSITIVE_INFINITY else Float.NaN
        else -> Math.scalb((0x400 or fraction).toFloat(), exponent - 25)
    }
}

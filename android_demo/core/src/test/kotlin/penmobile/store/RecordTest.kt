package penmobile.store

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class RecordTest {
    private val record = SampleRecord(1.5e9, 1.4e9, 0.5f, false, floatArrayOf(-1f, 0.25f), "user")

    @Test
    fun `a record is read as it was written`() {
        val again = requireNotNull(SampleRecord.of(record.toBytes(), 2))
        assertEquals(record.capturedAt, again.capturedAt)
        assertEquals(record.weight, again.weight)
        assertArrayEquals(record.labels, again.labels)
        assertEquals("user", again.origin)
    }

    @Test
    fun `what no store accepts is no record`() {
        assertNull(SampleRecord.of(record.toBytes(), 3))
        assertNull(SampleRecord.of(record.toBytes().copyOf(20), 2))
        assertNull(SampleRecord.of(SampleRecord(1.0, 1.0, 1f, false, floatArrayOf(1.5f), "user").toBytes(), 1))
        assertNull(SampleRecord.of(SampleRecord(Double.NaN, 1.0, 1f, false, floatArrayOf(1f), "user").toBytes(), 1))
        assertNull(SampleRecord.of(SampleRecord(1.0, 1.0, 0f, false, floatArrayOf(1f), "user").toBytes(), 1))
    }

    @Test
    fun `half precision is read`() {
        val halves = mapOf(0x3c00 to 1f, 0xc000 to -2f, 0x7bff to 65504f, 0x0001 to 5.9604645e-8f, 0x0000 to 0f)
        for ((bits, value) in halves) assertEquals(value, halfToFloat(bits))
    }

    @Test
    fun `a sealed blob opens at its place alone`() {
        for (cipher in listOf(Plaintext, AesGcm(ByteArray(32) { it.toByte() }))) {
            val sealed = cipher.seal("secret".toByteArray(), "place".toByteArray())
            assertArrayEquals("secret".toByteArray(), cipher.open(sealed, "place".toByteArray()))
            assertNull(cipher.open(sealed, "other".toByteArray()))
            assertNull(cipher.open(sealed.copyOf(sealed.size - 1), "place".toByteArray()))
            assertNotNull(cipher.open(cipher.seal(ByteArray(0), ByteArray(0)), ByteArray(0)))
        }
    }
}

package penmobile.session

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import penmobile.bundle.AdaptPart
import penmobile.store.Sample

class LabelsTest {
    private fun sample(value: Float, time: Double) = Sample(floatArrayOf(value, value), floatArrayOf(0.5f), 1f, time)

    @Test
    fun `labels close in time go first, among equals the oldest`() {
        assertEquals(listOf(0, 1, 3, 4), thinOut(doubleArrayOf(0.0, 10.0, 10.5, 20.0, 30.0), 4))
        assertEquals(listOf(0, 2, 3), thinOut(doubleArrayOf(0.0, 1.0, 2.0, 3.0), 3))
        assertEquals(listOf(0, 1), thinOut(doubleArrayOf(0.0, 1.0), 4))
    }

    @Test
    fun `long gaps are cut short and times are milliseconds`() {
        assertArrayEquals(doubleArrayOf(0.0, 1.234, 11.234), shortened(listOf(1.7e9, 1.7e9 + 1.2341, 1.8e9), 10.0), 1e-6)
    }

    @Test
    fun `a feature far from all others is left out`() {
        val samples = listOf(sample(1f, 0.0), sample(1.1f, 1.0), sample(100f, 2.0))
        assertEquals(listOf(0.0, 1.0), usable(samples).map { it.capturedAt })
    }

    @Test
    fun `rows behind the labels have weight 0`() {
        val inputs = adaptInputs(listOf(sample(1f, 5.0), sample(2f, 6.0)), AdaptPart("adapt", 4, listOf(1.0)))
        assertArrayEquals(floatArrayOf(1f, 1f, 0f, 0f), inputs.weight)
        assertArrayEquals(floatArrayOf(0f, 1f, 0f, 0f), inputs.time)
        assertArrayEquals(floatArrayOf(1f, 1f, 2f, 2f, 0f, 0f, 0f, 0f), inputs.z)
    }
}

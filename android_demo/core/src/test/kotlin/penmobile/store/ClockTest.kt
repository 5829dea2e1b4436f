package penmobile.store

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class ClockTest {
    private val start = ClockState(1e9)

    @Test
    fun `an ordinary step is believed`() {
        assertEquals(ClockState(1e9 + DAY_S), start.after(1e9 + DAY_S))
        assertEquals(start, start.after(1e9 - 3600))
    }

    @Test
    fun `a jump is doubted until the clock has gone on for three days`() {
        var clock = start.after(2e9)
        assertFalse(clock.believed)
        assertEquals(1e9, clock.seenAt)
        clock = clock.after(2e9 + 2 * DAY_S)
        assertFalse(clock.believed)
        clock = clock.after(2e9 + 3 * DAY_S)
        assertTrue(clock.believed)
        assertEquals(2e9 + 3 * DAY_S, clock.seenAt)
    }

    @Test
    fun `no number is doubted`() {
        assertFalse(start.after(Double.NaN).believed)
    }
}

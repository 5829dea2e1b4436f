package penmobile.session

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class ReasonsTest {
    private fun one(target: String, verdict: Verdict, before: Double, after: Double, ownMean: Double = 0.5) =
        TargetVerdict(target, verdict, before, after, ownMean, 0.0, 8.0, 0.0)

    @Test
    fun `each target has its reason`() {
        val text = reasonOf(listOf(one("valence", Verdict.ADAPTED, 0.58, 0.45), one("arousal", Verdict.WORSE_LEFT_OUT, 0.3, 0.4)))
        assertEquals(
            "on labels left out, valence got better (error 0.58 to 0.45); valence is better than always answering your own mean " +
                "(0.50); arousal keeps the old head: it would get worse (error 0.30 to 0.40)",
            text,
        )
    }

    @Test
    fun `targets with one reason share a sentence`() {
        val text = reasonOf(listOf(one("valence", Verdict.TOO_ROUGH, 1.0, 1.0), one("arousal", Verdict.TOO_ROUGH, 1.0, 1.0)))
        assertEquals(true, text.startsWith("valence and arousal keep the old head: the labels jump"))
    }

    @Test
    fun `digits are rounded to even, and zero has no sign`() {
        assertEquals(listOf("0.12", "0.38", "0.00", "inf"), listOf(0.125, 0.375, -0.001, Double.POSITIVE_INFINITY).map(::decimal))
    }

    @Test
    fun `a report of later releases has more rows, a cut one is refused`() {
        val rows = ReportRow.values().size
        assertEquals(Verdict.ADAPTED, TargetVerdict.of(FloatArray(rows + 9), listOf("valence"))[0].verdict)
        assertThrows(IllegalArgumentException::class.java) { TargetVerdict.of(FloatArray(rows - 1), listOf("valence")) }
    }

    @Test
    fun `a verdict that no release knows counts as worse`() {
        val report = FloatArray(ReportRow.values().size).also { it[0] = 99f }
        assertEquals(Verdict.WORSE_LEFT_OUT, TargetVerdict.of(report, listOf("valence"))[0].verdict)
    }
}

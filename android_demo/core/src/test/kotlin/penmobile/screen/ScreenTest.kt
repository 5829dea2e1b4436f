package penmobile.screen

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import penmobile.Problem
import penmobile.session.TargetVerdict
import penmobile.session.Verdict
import java.io.File

class ScreenTest {
    private val golden = File(requireNotNull(System.getProperty("pen.repository")), "android_demo/core/src/test/screens")
    private val estimate = Examples.all.getValue("estimate")

    @Test
    fun `a label asks for a face and for nothing that hinders`() {
        assertTrue(estimate.canLabel)
        assertFalse(estimate.after(ScreenEvent.Looked(null)).canLabel)
        assertFalse(estimate.after(ScreenEvent.Adapting).canLabel)
        assertFalse(estimate.after(ScreenEvent.Hindered(Problem.FORGED)).canLabel)
        assertTrue(estimate.after(ScreenEvent.Hindered(Problem.DISK)).canLabel)
        assertFalse(estimate.canAdapt)
        assertTrue(Examples.all.getValue("labelled").canAdapt)
    }

    @Test
    fun `the trail is short and ends without a face`() {
        val long = (1..100).fold(estimate) { state, _ -> state.after(ScreenEvent.Looked(floatArrayOf(0f, 0f))) }
        assertEquals(24, long.trail.size)
        assertTrue(long.after(ScreenEvent.Looked(null)).trail.isEmpty())
    }

    @Test
    fun `a problem ends an adaptation, and goes away`() {
        val state = Examples.all.getValue("adapting").after(ScreenEvent.Hindered(Problem.BUSY))
        assertFalse(state.adapting)
        assertNull(state.after(ScreenEvent.Hindered(null)).problem)
    }

    @Test
    fun `deleted data leave no card, no label and no problem`() {
        val state = Examples.all.getValue("accepted").after(ScreenEvent.Labelled(floatArrayOf(0f, 0f), 8))
        val erased = state.after(ScreenEvent.Hindered(Problem.STORE_DAMAGED)).after(ScreenEvent.Erased)
        assertNull(erased.problem)
        assertNull(erased.label)
        assertNull(erased.card)
    }

    @Test
    fun `the card says when the own mean would be better`() {
        val words = Sentences(ResourceFile("en"))
        fun line(after: Double): String =
            words.cardLines(Card(true, listOf(TargetVerdict("valence", Verdict.ADAPTED, 0.4, after, 0.3, 0.02, 6.0, 0.1))))[0]
        assertEquals("valence got better: error 0.40 before, 0.35 now. Always answering your own mean would be better: 0.30.", line(0.35))
        assertEquals("valence got better: error 0.40 before, 0.25 now.", line(0.25))
    }

    @Test
    fun `a touch on the plane is a label in the range`() {
        val plane = Plane(10f, 20f, 100f)
        assertArrayEquals(floatArrayOf(-1f, 1f), plane.label(10f, 20f, estimate))
        assertArrayEquals(floatArrayOf(0f, 0f), plane.label(60f, 70f, estimate))
        assertNull(plane.label(9f, 70f, estimate))
        assertNull(plane.label(60f, 121f, estimate))
    }

    @Test
    fun `a touch on a bar keeps the other targets`() {
        val state = Examples.all.getValue("three-targets")
        val plane = Plane(0f, 0f, 100f)
        val label = requireNotNull(plane.label(100f, plane.bar(1, 3), state))
        assertArrayEquals(floatArrayOf(0.2f, 1f, 0.8f), label)
    }

    @Test
    fun `both languages have every sentence with the same places`() {
        val english = ResourceFile("en")
        val german = ResourceFile("de")
        assertEquals(english.names, german.names)
        val place = Regex("%\\d\\\$s")
        for (name in english.names) {
            assertEquals(places(place, english.raw(name)), places(place, german.raw(name)), name)
        }
        for (problem in Problem.values()) for (end in listOf("", "_advice")) {
            assertTrue("problem_${problem.name.lowercase()}$end" in english.names, problem.name)
        }
        for (verdict in Verdict.values()) if (verdict != Verdict.ADAPTED) {
            assertTrue("verdict_${verdict.name.lowercase()}" in english.names, verdict.name)
        }
    }

    private fun places(place: Regex, text: String) = place.findAll(text).map { it.value }.toSet()

    @Test
    fun `every screen is drawn as it was looked at`() {
        for (language in listOf("en", "de")) Examples.all.forEach { (name, state) -> compare(name, state, language) }
    }

    private fun compare(name: String, state: ScreenState, language: String) {
        val canvas = RecordingCanvas()
        ScreenPainter(ResourceFile(language), if (language == "en") Theme.LIGHT else Theme.DARK).paint(canvas, state, 360f, 560f)
        val file = File(golden, "$name-$language.txt")
        if (System.getProperty("pen.write.screens") != null) file.apply { parentFile.mkdirs() }.writeText(canvas.toString())
        assertEquals(file.readText(), canvas.toString(), "$name in $language")
    }
}

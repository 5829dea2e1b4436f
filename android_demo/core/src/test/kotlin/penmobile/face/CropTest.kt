package penmobile.face

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import penmobile.bundle.CropPart
import penmobile.bundle.parseJson
import java.io.File

/** The golden crops of the bundle format: right within one grey level. */
class CropTest {
    private val folder = File(requireNotNull(System.getProperty("pen.repository")), "export/golden/crop")

    @Test
    fun `every golden frame is met within one grey level`() {
        val golden = parseJson(File(folder, "crop.json").readBytes()) as Map<*, *>
        val (height, width) = (part(golden["image"])["shape"] as List<*>).map { (it as Long).toInt() }
        val image = RgbImage(width, height, File(folder, part(golden["image"])["file"] as String).readBytes())
        val cases = (golden["cases"] as List<*>).map(::part)
        assertTrue(cases.size >= 5)
        for (case in cases) {
            val crop = CropPart("any", number(case["margin"]), number(case["eye_height"]), number(case["size"]).toInt())
            val frame = cropFace(image, Eyes(place(case["right_eye"]), place(case["left_eye"])), crop)
            val expected = File(folder, case["frame"] as String).readBytes()
            assertEquals(expected.size, frame.levels.size)
            val worst = expected.indices.maxOf { Math.abs((expected[it].toInt() and 0xff) - (frame.levels[it].toInt() and 0xff)) }
            assertTrue(worst <= 1, "${case["name"]}: $worst grey levels")
        }
    }

    @Test
    fun `planes are red, green, blue`() {
        val planes = RgbImage(2, 1, byteArrayOf(1, 2, 3, -1, 5, 6)).planes()
        assertEquals(listOf(1f, 255f, 2f, 5f, 3f, 6f), planes.toList())
    }

    private fun part(value: Any?) = value as Map<*, *>

    private fun number(value: Any?) = (value as Number).toDouble()

    private fun place(value: Any?) = (value as List<*>).let { Place(number(it[0]), number(it[1])) }
}

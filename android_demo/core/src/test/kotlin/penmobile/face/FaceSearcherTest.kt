package penmobile.face

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import penmobile.bundle.CropPart
import penmobile.bundle.FacePart
import penmobile.bundle.FaceSearch

/** A detector that sees the red and the green pixel of an image as the right and the left eye. */
class FaceSearcherTest {
    private val side = 64
    private val search = FaceSearch(0.5, 0.3, CropPart("", 4.5, 0.4, side), 4, 0.04, 2.0, 8)
    private val part = FacePart("face.pte", "face", side, 2, search)
    private var looks = 0

    private fun image(width: Int, height: Int, right: Place?, left: Place?): RgbImage {
        val levels = ByteArray(3 * width * height)
        for ((channel, eye) in listOf(right, left).withIndex()) if (eye != null) {
            for (dy in -2..2) for (dx in -2..2) levels[3 * ((eye.y.toInt() + dy) * width + eye.x.toInt() + dx) + channel] = -1
        }
        return RgbImage(width, height, levels)
    }

    /** The centre of what is bright in a plane, as shares of the side, or null. */
    private fun centre(planes: FloatArray, channel: Int): Place? {
        var sum = 0.0
        var x = 0.0
        var y = 0.0
        for (place in 0 until side * side) {
            val level = planes[channel * side * side + place].toDouble()
            sum += level
            x += level * (place % side + 0.5)
            y += level * (place / side + 0.5)
        }
        return if (sum < 255) null else Place(x / sum / side, y / sum / side)
    }

    private fun detect(planes: FloatArray): Answers {
        looks++
        val right = centre(planes, 0)
        val left = centre(planes, 1)
        if (right == null || left == null) return Answers(FloatArray(16), FloatArray(2))
        val one = floatArrayOf(0.5f, 0.5f, 0.4f, 0.4f, right.x.toFloat(), right.y.toFloat(), left.x.toFloat(), left.y.toFloat())
        return Answers(one + one, floatArrayOf(0.9f, 0.7f))
    }

    private fun near(expected: Eyes, found: Eyes?) {
        requireNotNull(found)
        assertEquals(0.0, expected.right.to(found.right), 1.0)
        assertEquals(0.0, expected.left.to(found.left), 1.0)
    }

    @Test
    fun `the eyes settle where they are`() {
        val eyes = Eyes(Place(80.0, 60.0), Place(110.0, 66.0))
        near(eyes, FaceSearcher(part, ::detect).find(image(200, 150, eyes.right, eyes.left)))
        assertEquals(true, looks >= 2)
    }

    @Test
    fun `a followed face is not searched for in the whole image`() {
        val eyes = Eyes(Place(80.0, 60.0), Place(110.0, 66.0))
        val found = FaceSearcher(part, ::detect).find(image(200, 150, eyes.right, eyes.left), eyes)
        near(eyes, found)
        assertEquals(1, looks)
    }

    @Test
    fun `without a face there is none, and a long image is looked at in pieces`() {
        assertNull(FaceSearcher(part, ::detect).find(image(100, 100, null, null)))
        assertEquals(1, looks)
        assertNull(FaceSearcher(part, ::detect).find(image(300, 100, null, null)))
        assertEquals(1 + 1 + 5, looks) // the whole, then pieces at 0, 50, 100, 150 and 200
    }

    @Test
    fun `answers below the limit do not count`() {
        val shy = FaceSearcher(part) { planes -> Answers(detect(planes).places, floatArrayOf(0.4f, 0.3f)) }
        val eyes = Eyes(Place(40.0, 40.0), Place(60.0, 40.0))
        assertNull(shy.find(image(100, 100, eyes.right, eyes.left)))
        assertNotNull(FaceSearcher(part, ::detect).find(image(100, 100, eyes.right, eyes.left)))
    }
}

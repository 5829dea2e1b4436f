package penmobile.app

import android.media.Image
import penmobile.face.RgbImage

/**
 * Return a camera's image as RGB, turned upright.
 *
 * @param image YUV 420, full range as JPEG has it.
 * @param sensor degrees that a front camera's sensor is mounted at; [screen] degrees that the screen is turned.
 */
internal fun upright(image: Image, sensor: Int, screen: Int): RgbImage {
    val turn = (sensor + screen) % 360
    val swapped = turn == 90 || turn == 270
    val width = if (swapped) image.height else image.width
    val height = if (swapped) image.width else image.height
    val planes = Planes(image)
    val levels = ByteArray(3 * width * height)
    for (y in 0 until height) for (x in 0 until width) {
        when (turn) {
            90 -> planes.copy(y, image.height - 1 - x, levels, 3 * (y * width + x))
            180 -> planes.copy(image.width - 1 - x, image.height - 1 - y, levels, 3 * (y * width + x))
            270 -> planes.copy(image.width - 1 - y, x, levels, 3 * (y * width + x))
            else -> planes.copy(x, y, levels, 3 * (y * width + x))
        }
    }
    return RgbImage(width, height, levels)
}

private class Planes(image: Image) {
    private val luma = image.planes[0]
    private val blue = image.planes[1]
    private val red = image.planes[2]

    fun copy(x: Int, y: Int, levels: ByteArray, at: Int) {
        val light = value(luma, x, y).toFloat()
        val u = value(blue, x / 2, y / 2) - 128f
        val v = value(red, x / 2, y / 2) - 128f
        levels[at] = level(light + 1.402f * v)
        levels[at + 1] = level(light - 0.344136f * u - 0.714136f * v)
        levels[at + 2] = level(light + 1.772f * u)
    }

    private fun value(plane: Image.Plane, x: Int, y: Int): Int =
        plane.buffer.get(y * plane.rowStride + x * plane.pixelStride).toInt() and 0xff

    private fun level(value: Float): Byte = Math.round(value).coerceIn(0, 255).toByte()
}

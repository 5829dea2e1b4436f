package penmobile.face

import penmobile.bundle.CropPart

private const val BILINEAR_SEES_ALL = 0.5

/** A place in an image, pixels: 0, 0 is the centre of the top left pixel. */
data class Place(val x: Double, val y: Double) {
    /** Pixels to another place. */
    fun to(other: Place): Double = Math.hypot(other.x - x, other.y - y)
}

/**
 * The centres of a person's eyes.
 *
 * @property right the person's right eye: the one further left in an upright image.
 */
data class Eyes(val right: Place, val left: Place) {
    /** Pixels between the eyes. */
    val distance: Double get() = right.to(left)

    /** The place half-way between the eyes. */
    val middle: Place get() = Place((right.x + left.x) / 2, (right.y + left.y) / 2)

    /** Return the eyes where [move] puts them. */
    fun moved(move: (Place) -> Place) = Eyes(move(right), move(left))
}

/**
 * Cut out the frame of a face: bilinear, edge pixels repeated outside the image; an image more than twice as fine as
 * the frame is brought down by area averaging first.
 *
 * @param image upright, not mirrored.
 * @param eyes where they are in it.
 * @param crop where they come to lie in the frame.
 * @return `[size, size]`.
 */
fun cropFace(image: RgbImage, eyes: Eyes, crop: CropPart): RgbImage {
    val scale = crop.size / (crop.margin * eyes.distance)
    if (scale >= BILINEAR_SEES_ALL) return warped(image, eyes, crop)
    val small = area(image, shrunk(image.width, scale), shrunk(image.height, scale))
    val across = small.width.toDouble() / image.width
    val down = small.height.toDouble() / image.height
    return warped(small, eyes.moved { Place(it.x * across + (across - 1) / 2, it.y * down + (down - 1) / 2) }, crop)
}

private fun shrunk(side: Int, scale: Double) = maxOf(1, Math.rint(side * scale).toInt())

private fun warped(image: RgbImage, eyes: Eyes, crop: CropPart): RgbImage {
    val size = crop.size
    val levels = ByteArray(size * size * 3)
    for (v in 0 until size) for (u in 0 until size) {
        val at = toImage(Place(u.toDouble(), v.toDouble()), eyes, crop)
        for (channel in 0 until 3) {
            levels[(v * size + u) * 3 + channel] = toLevel(bilinear(at.x, at.y) { row, column -> image.at(row, column, channel) })
        }
    }
    return RgbImage(size, size, levels)
}

/** Return where a place of the frame lies in the image. */
internal fun toImage(place: Place, eyes: Eyes, crop: CropPart): Place {
    val c = (eyes.left.x - eyes.right.x) * crop.margin / crop.size
    val s = (eyes.left.y - eyes.right.y) * crop.margin / crop.size
    val du = place.x - (crop.size / 2.0 - 0.5)
    val dv = place.y - (crop.size * crop.eyeHeight - 0.5)
    return Place(eyes.middle.x + c * du - s * dv, eyes.middle.y + s * du + c * dv)
}

/** Return the value between four pixels; [level] gives that of a row and column, inside the image or not. */
internal inline fun bilinear(x: Double, y: Double, level: (row: Int, column: Int) -> Int): Double {
    val column = Math.floor(x).toInt()
    val row = Math.floor(y).toInt()
    val fx = x - column
    val fy = y - row
    val above = level(row, column) * (1 - fx) + level(row, column + 1) * fx
    val below = level(row + 1, column) * (1 - fx) + level(row + 1, column + 1) * fx
    return above * (1 - fy) + below * fy
}

package penmobile.face

/**
 * An RGB image.
 *
 * @property levels `[height, width, 3]`, 0 to 255, row by row.
 */
class RgbImage(val width: Int, val height: Int, val levels: ByteArray) {
    init {
        require(width > 0 && height > 0 && levels.size == 3 * width * height) { "${levels.size} bytes are no $width x $height RGB" }
    }

    /** Return the level of a channel; a row or column outside of the image is the nearest one inside. */
    internal fun at(row: Int, column: Int, channel: Int): Int {
        val inside = row.coerceIn(0, height - 1) * width + column.coerceIn(0, width - 1)
        return levels[3 * inside + channel].toInt() and 0xff
    }

    /** Return the pixels as 0xAARRGGBB, row by row. */
    fun pixels(): IntArray = IntArray(width * height) { pixel ->
        (0 until 3).fold(0xff) { found, channel -> (found shl 8) or (levels[3 * pixel + channel].toInt() and 0xff) }
    }

    /** Return the levels as float32, planes first, `[3, height, width]`. */
    fun planes(): FloatArray {
        val size = width * height
        return FloatArray(3 * size) { (levels[3 * (it % size) + it / size].toInt() and 0xff).toFloat() }
    }
}

/** Return the grey level nearest to a value. */
internal fun toLevel(value: Double): Byte = Math.floor(value + 0.5).coerceIn(0.0, 255.0).toInt().toByte()

/**
 * Bring an image down by area averaging: a row of the result is the mean of what it covers.
 *
 * @param width of the result, at most that of the image; [height] likewise.
 */
fun area(image: RgbImage, width: Int, height: Int): RgbImage {
    val across = shares(image.width, width)
    val down = shares(image.height, height)
    val narrow = DoubleArray(image.height * width * 3)
    for (row in 0 until image.height) for (column in 0 until width) for (channel in 0 until 3) {
        narrow[(row * width + column) * 3 + channel] = across[column].sum { image.at(row, it, channel).toDouble() }
    }
    val levels = ByteArray(height * width * 3)
    for (row in 0 until height) for (place in 0 until 3 * width) {
        levels[row * 3 * width + place] = toLevel(down[row].sum { narrow[it * 3 * width + place] })
    }
    return RgbImage(width, height, levels)
}

/** Shares of the pixels from [first] on in one pixel of a smaller image. */
private class Shares(val first: Int, val weights: DoubleArray) {
    inline fun sum(value: (Int) -> Double): Double {
        var sum = 0.0
        for (place in weights.indices) sum += weights[place] * value(first + place)
        return sum
    }
}

private fun shares(many: Int, few: Int): List<Shares> {
    val ratio = many.toDouble() / few
    return List(few) { place ->
        val begin = place * ratio
        val first = Math.floor(begin).toInt()
        val last = minOf(many - 1, Math.ceil(begin + ratio).toInt() - 1)
        val weights = DoubleArray(last - first + 1) {
            maxOf(0.0, minOf(begin + ratio, first + it + 1.0) - maxOf(begin, (first + it).toDouble())) / ratio
        }
        Shares(first, weights)
    }
}

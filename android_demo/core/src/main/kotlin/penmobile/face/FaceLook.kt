package penmobile.face

import penmobile.bundle.FacePart

/** Answers of the face detector: places `[anchors, 8]` as shares of the side, and probabilities `[anchors]`. */
class Answers(val places: FloatArray, val probabilities: FloatArray)

/**
 * One look of the face detector at an image of any shape.
 *
 * @param detect takes the planes `[3, side, side]`, 0 to 255.
 */
internal class FaceLook(private val part: FacePart, private val detect: (FloatArray) -> Answers) {
    /** Return the eyes of all faces, in pixels of the image, the most probable first. */
    fun at(image: RgbImage): List<Eyes> {
        val longer = maxOf(image.width, image.height).toDouble()
        val left = (image.width - longer) / 2
        val top = (image.height - longer) / 2
        val answers = detect(square(image, left, top, longer / part.side))
        fun place(x: Double, y: Double) = Place(x * longer + left - 0.5, y * longer + top - 0.5)
        return faces(answers).map { Eyes(place(it[4], it[5]), place(it[6], it[7])) }.filter { it.distance > 0 }
    }

    /** The whole image in a square; outside of the image is black. */
    private fun square(image: RgbImage, left: Double, top: Double, step: Double): FloatArray {
        val side = part.side
        val planes = FloatArray(3 * side * side)
        for (v in 0 until side) for (u in 0 until side) for (channel in 0 until 3) {
            planes[(channel * side + v) * side + u] = sampled(image, u * step + left, v * step + top, channel)
        }
        return planes
    }

    private fun sampled(image: RgbImage, x: Double, y: Double, channel: Int): Float {
        val column = Math.floor(x).toInt()
        val row = Math.floor(y).toInt()
        val fx = x - column
        val fy = y - row
        fun level(r: Int, c: Int) = if (r in 0 until image.height && c in 0 until image.width) image.at(r, c, channel) else 0
        val above = level(row, column) * (1 - fx) + level(row, column + 1) * fx
        val below = level(row + 1, column) * (1 - fx) + level(row + 1, column + 1) * fx
        return (above * (1 - fy) + below * fy).toFloat()
    }

    /** Overlapping answers are one face: their mean, weighted by probability. */
    private fun faces(answers: Answers): List<DoubleArray> {
        val found = mutableListOf<DoubleArray>()
        var left = answers.probabilities.indices
            .filter { answers.probabilities[it] >= part.search.minScore }
            .sortedByDescending { answers.probabilities[it] }
        while (left.isNotEmpty()) {
            val (group, rest) = left.partition { it == left[0] || overlap(answers.places, it, left[0]) > part.search.maxOverlap }
            val total = group.sumOf { answers.probabilities[it].toDouble() }
            found += DoubleArray(8) { place ->
                group.sumOf { answers.probabilities[it].toDouble() * answers.places[8 * it + place] } / total
            }
            left = rest
        }
        return found
    }

    /** Share of the union of two boxes that both cover. */
    private fun overlap(places: FloatArray, one: Int, other: Int): Double {
        fun shared(axis: Int): Double {
            val (low, high) = side(places, one, axis)
            val (otherLow, otherHigh) = side(places, other, axis)
            return maxOf(0.0, minOf(high, otherHigh) - maxOf(low, otherLow))
        }
        val both = shared(0) * shared(1)
        val union = size(places, one) + size(places, other) - both
        return if (union > 0) both / union else 0.0
    }

    private fun side(places: FloatArray, answer: Int, axis: Int): Pair<Double, Double> {
        val middle = places[8 * answer + axis].toDouble()
        val half = places[8 * answer + 2 + axis] / 2.0
        return middle - half to middle + half
    }

    private fun size(places: FloatArray, answer: Int) = places[8 * answer + 2].toDouble() * places[8 * answer + 3]
}

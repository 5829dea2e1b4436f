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

    private fun sampled(image: RgbImage, x: Double, y: Double, channel: Int): Float = bilinear(x, y) { row, column ->
        if (row in 0 until image.height && column in 0 until image.width) image.at(row, column, channel) else 0
    }.toFloat()

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
        fun middle(answer: Int, axis: Int) = places[8 * answer + axis].toDouble()
        fun length(answer: Int, axis: Int) = places[8 * answer + 2 + axis].toDouble()
        fun shared(axis: Int): Double {
            val high = minOf(middle(one, axis) + length(one, axis) / 2, middle(other, axis) + length(other, axis) / 2)
            val low = maxOf(middle(one, axis) - length(one, axis) / 2, middle(other, axis) - length(other, axis) / 2)
            return maxOf(0.0, high - low)
        }
        val both = shared(0) * shared(1)
        val union = length(one, 0) * length(one, 1) + length(other, 0) * length(other, 1) - both
        return if (union > 0) both / union else 0.0
    }
}

package penmobile.face

import penmobile.bundle.FacePart

/**
 * Finds the face of one person, in a picture or from picture to picture, with the bundle's own detector.
 *
 * @param detect takes the planes `[3, side, side]` of an image, 0 to 255.
 */
class FaceSearcher(private val part: FacePart, detect: (FloatArray) -> Answers) {
    private val look = FaceLook(part, detect)
    private val search = part.search

    /**
     * Return the eyes of the face that is followed, or of the largest; null when there is none.
     *
     * @param image upright, not mirrored.
     * @param previous eyes in the image before.
     */
    fun find(image: RgbImage, previous: Eyes? = null): Eyes? {
        previous?.let { settle(image, it) }?.let { return it }
        var faces = look.at(image)
        if (faces.isEmpty() && image.width != image.height) faces = pieces(image).flatMap { lookAt(image, it) }
        val face = follow(previous, faces) ?: return null
        return settle(image, face) ?: face
    }

    /** The network sees little of a large image: look again at the face, turned upright, until the eyes stay. */
    private fun settle(image: RgbImage, first: Eyes): Eyes? {
        var face = first
        repeat(search.looks) {
            val window = cropFace(image, face, search.window)
            val seen = follow(expected(), look.at(window)) ?: return null
            val before = face
            face = seen.moved { toImage(it, before, search.window) }
            if (change(before, face) < search.settled) return face
        }
        return face
    }

    /** Where the eyes of a frame are. */
    private fun expected(): Eyes {
        val side = part.side.toDouble()
        val height = side * search.window.eyeHeight - 0.5
        val half = side / (2 * search.window.margin)
        return Eyes(Place(side / 2 - half - 0.5, height), Place(side / 2 + half - 0.5, height))
    }

    private fun change(before: Eyes, after: Eyes): Double {
        fun moved(from: Place, to: Place) = maxOf(Math.abs(to.x - from.x), Math.abs(to.y - from.y))
        return maxOf(moved(before.right, after.right), moved(before.left, after.left)) / before.distance
    }

    private fun follow(previous: Eyes?, faces: List<Eyes>): Eyes? {
        if (previous != null) {
            val nearest = faces.minByOrNull { it.middle.to(previous.middle) }
            if (nearest != null && nearest.middle.to(previous.middle) <= search.reach * previous.distance) return nearest
        }
        return faces.maxByOrNull { it.distance }
    }

    /** Beginnings of square pieces of a long image. */
    private fun pieces(image: RgbImage): List<Int> {
        val side = minOf(image.width, image.height)
        val last = Math.abs(image.width - image.height)
        val stride = maxOf(1, side / 2, last / search.squares)
        return (0 until last step stride).toList() + last
    }

    private fun lookAt(image: RgbImage, begin: Int): List<Eyes> {
        val side = minOf(image.width, image.height)
        val left = if (image.width > image.height) begin else 0
        val top = if (image.width > image.height) 0 else begin
        val levels = ByteArray(3 * side * side)
        for (row in 0 until side) {
            val from = 3 * ((top + row) * image.width + left)
            image.levels.copyInto(levels, 3 * row * side, from, from + 3 * side)
        }
        return look.at(RgbImage(side, side, levels)).map { eyes -> eyes.moved { Place(it.x + left, it.y + top) } }
    }
}

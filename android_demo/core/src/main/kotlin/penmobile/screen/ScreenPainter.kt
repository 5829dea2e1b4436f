package penmobile.screen

import penmobile.face.Eyes
import penmobile.face.Place

private const val MARGIN = 16f
private const val BODY = 14f
private const val TITLE = 16f
private const val LINE = 20f
private const val MOST_ATTEMPTS = 6

/** Where the owner touches to label: a square plane of two targets, or a bar for each of any other number. */
class Plane(val left: Float, val top: Float, val side: Float) {
    /** Height of the bar of a target. */
    fun bar(place: Int, count: Int): Float = top + side * (place + 1f) / (count + 1f)

    /** Return the label `[K]` at a place, within the range, or null outside of the plane. A bar keeps the other targets. */
    fun label(x: Float, y: Float, state: ScreenState): FloatArray? {
        val across = (x - left) / side
        val up = 1 - (y - top) / side
        if (across !in 0f..1f || up !in 0f..1f) return null
        val width = state.highest - state.lowest
        if (state.targets.size == 2) return floatArrayOf(state.lowest + across * width, state.lowest + up * width)
        val label = state.estimate?.toFloatArray() ?: return null
        val touched = label.indices.minByOrNull { Math.abs(bar(it, label.size) - y) } ?: return null
        label[touched] = state.lowest + across * width
        return label
    }
}

/**
 * Draws a state, on Android and on the JVM alike.
 *
 * @param words in the owner's language.
 */
class ScreenPainter(words: Words, private val theme: Theme) {
    private val sentences = Sentences(words)

    /** Return where the plane lies on a screen of this size. */
    fun plane(width: Float, height: Float): Plane = Plane(MARGIN, TOP, minOf(width - 2 * MARGIN, SHARE * height))

    /** Draw a state on a canvas of this size, in density-independent pixels. */
    fun paint(canvas: Canvas, state: ScreenState, width: Float, height: Float) {
        canvas.rectangle(0f, 0f, width, height, 0f, theme.ground)
        val preview = state.preview.takeIf { state.problem == null } // a problem needs the room
        preview?.let { preview(canvas, it, width) }
        val column = Column(canvas, width)
        column.right = if (preview == null) MARGIN else 2 * MARGIN + PREVIEW
        val colour = if (state.problem == null) theme.text else theme.warning
        column.paragraph(sentences.status(state), TITLE, true, colour)
        if (state.problem != null) column.paragraph(sentences.advice(state), BODY, false, theme.text)
        column.right = MARGIN
        if (state.blocked) return
        val plane = plane(width, height)
        if (!state.historyShown) canvas.rectangle(plane.left, plane.top, plane.side, plane.side, 8f, theme.surface)
        when {
            state.historyShown -> history(column, state)
            state.targets.size == 2 -> dots(canvas, state, plane)
            else -> bars(canvas, state, plane)
        }
        column.y = maxOf(column.y, plane.top + plane.side + MARGIN)
        column.paragraph("${sentences.labels(state)} ${sentences.hint(state)}".trim(), BODY, false, theme.text)
        state.card?.let { card(column, it) }
        state.about?.let { column.paragraph(sentences.about(it), BODY, false, theme.faint) }
    }

    /** The camera's image in the upper right corner, with a frame around the face and a mark on each eye. */
    private fun preview(canvas: Canvas, preview: Preview, width: Float) {
        val scale = PREVIEW / maxOf(preview.image.width, preview.image.height)
        val across = scale * preview.image.width
        val left = width - MARGIN - across
        canvas.mirrored(preview.image, left, PREVIEW_TOP, across, scale * preview.image.height)
        val eyes = preview.eyes ?: return
        fun x(place: Place) = left + across - scale * (place.x + 0.5).toFloat()
        fun y(place: Place) = PREVIEW_TOP + scale * (place.y + 0.5).toFloat()
        for (eye in listOf(eyes.right, eyes.left)) canvas.circle(x(eye), y(eye), 2f, theme.accent)
        (corners(eyes) + corners(eyes)[0]).zipWithNext { from, to -> canvas.line(x(from), y(from), x(to), y(to), 1.5f, theme.accent) }
    }

    /** Corners of a square around a face, turned as its eyes are. */
    private fun corners(eyes: Eyes): List<Place> {
        val across = Place(eyes.left.x - eyes.right.x, eyes.left.y - eyes.right.y)
        return listOf(-1.1 to -0.8, 1.1 to -0.8, 1.1 to 1.4, -1.1 to 1.4).map { (along, down) ->
            Place(eyes.middle.x + along * across.x - down * across.y, eyes.middle.y + along * across.y + down * across.x)
        }
    }

    private fun card(column: Column, card: Card) {
        column.paragraph(sentences.cardTitle(card), TITLE, true, if (card.accepted) theme.accent else theme.warning)
        sentences.cardLines(card).forEach { column.paragraph(it, BODY, false, theme.text) }
    }

    private fun history(column: Column, state: ScreenState) {
        column.y = TOP + LINE
        for (attempt in state.history.takeLast(MOST_ATTEMPTS).reversed()) {
            column.paragraph(sentences.attempt(attempt), BODY, attempt.current, if (attempt.accepted) theme.text else theme.faint)
        }
    }

    /** Paragraphs below each other. */
    private inner class Column(private val canvas: Canvas, private val width: Float) {
        var y = MARGIN + LINE
        var right = MARGIN

        fun paragraph(text: String, size: Float, bold: Boolean, colour: Colour) {
            var line = ""
            for (word in text.split(' ')) {
                val longer = if (line.isEmpty()) word else "$line $word"
                if (line.isNotEmpty() && canvas.width(longer, size, bold) > width - MARGIN - right) {
                    put(line, size, bold, colour)
                    line = word
                } else {
                    line = longer
                }
            }
            put(line, size, bold, colour)
            y += 4f
        }

        private fun put(line: String, size: Float, bold: Boolean, colour: Colour) {
            canvas.text(line, MARGIN, y, size, bold, colour)
            y += size + 6f
        }
    }

    /** Two targets: the first goes right, the second up; the trail fades. */
    private fun dots(canvas: Canvas, state: ScreenState, plane: Plane) {
        val middle = plane.side / 2
        canvas.line(plane.left, plane.top + middle, plane.left + plane.side, plane.top + middle, 1f, theme.faint)
        canvas.line(plane.left + middle, plane.top, plane.left + middle, plane.top + plane.side, 1f, theme.faint)
        val (name, upper) = state.targets
        val right = plane.left + plane.side - canvas.width(name, BODY, false) - 8f
        canvas.text(name, right, plane.top + middle - 6f, BODY, false, theme.faint)
        canvas.text(upper, plane.left + middle + 8f, plane.top + BODY + 6f, BODY, false, theme.faint)
        fun dot(values: List<Float>, radius: Float, colour: Colour) {
            val (across, up) = values.map { share(it, state) }
            canvas.circle(plane.left + across * plane.side, plane.top + (1 - up) * plane.side, radius, colour)
        }
        state.trail.forEachIndexed { age, values -> dot(values, 3f, faded(theme.accent, age + 1, state.trail.size)) }
        state.label?.let { dot(it, 12f, theme.warning) }
        state.label?.let { dot(it, 9f, theme.surface) }
        state.estimate?.let { dot(it, 7f, theme.accent) }
    }

    /** Any number of targets but two: a bar for each. */
    private fun bars(canvas: Canvas, state: ScreenState, plane: Plane) = state.targets.forEachIndexed { place, target ->
        val y = plane.bar(place, state.targets.size)
        canvas.text(target, plane.left + 4f, y - 10f, BODY, false, theme.faint)
        canvas.line(plane.left, y, plane.left + plane.side, y, 2f, theme.faint)
        state.label?.let { canvas.circle(plane.left + plane.side * share(it[place], state), y, 9f, theme.warning) }
        state.estimate?.let { canvas.circle(plane.left + plane.side * share(it[place], state), y, 7f, theme.accent) }
    }

    private fun share(value: Float, state: ScreenState) = (value - state.lowest) / (state.highest - state.lowest)

    private fun faded(colour: Colour, part: Int, whole: Int): Colour = (colour and 0xffffff) or ((0xd0 * part / whole) shl 24)

    private companion object {
        const val TOP = 100f
        const val PREVIEW = 84f
        const val PREVIEW_TOP = 8f
        const val SHARE = 0.46f
    }
}

package penmobile.screen

import penmobile.face.RgbImage
import java.util.Locale

/** Writes down what is drawn; letters are as wide as in no font, so that every machine writes the same. */
class RecordingCanvas : Canvas {
    private val lines = mutableListOf<String>()

    override fun rectangle(x: Float, y: Float, width: Float, height: Float, corner: Float, colour: Colour) =
        note("rectangle", colour, "", x, y, width, height)

    override fun line(x1: Float, y1: Float, x2: Float, y2: Float, thickness: Float, colour: Colour) =
        note("line", colour, "", x1, y1, x2, y2)

    override fun circle(x: Float, y: Float, radius: Float, colour: Colour) = note("circle", colour, "", x, y, radius)

    override fun mirrored(image: RgbImage, x: Float, y: Float, width: Float, height: Float) = note("mirrored", 0, "", x, y, width, height)

    override fun text(text: String, x: Float, y: Float, size: Float, bold: Boolean, colour: Colour) =
        note(if (bold) "bold" else "text", colour, text, x, y, size)

    override fun width(text: String, size: Float, bold: Boolean): Float = 0.55f * size * text.length

    override fun toString(): String = lines.joinToString("\n", postfix = "\n")

    private fun note(what: String, colour: Colour, text: String, vararg numbers: Float) {
        val places = numbers.joinToString(" ") { String.format(Locale.ROOT, "%.0f", it) }
        lines += "$what ${Integer.toHexString(colour)} $places $text".trim()
    }
}

package penmobile.screen

import penmobile.face.RgbImage

/** A colour, 0xAARRGGBB. */
typealias Colour = Int

/** Colours of a theme. */
enum class Theme(val ground: Colour, val surface: Colour, val text: Colour, val faint: Colour, val accent: Colour, val warning: Colour) {
    LIGHT(0xfffafafa.toInt(), 0xffffffff.toInt(), 0xff1b1b1f.toInt(), 0xff70737a.toInt(), 0xff0b57d0.toInt(), 0xffb3261e.toInt()),
    DARK(0xff121316.toInt(), 0xff1e2024.toInt(), 0xffe3e2e6.toInt(), 0xff9a9ca5.toInt(), 0xffa8c7fa.toInt(), 0xfff2b8b5.toInt()),
}

/** What drawing needs: Android's canvas has it, and Java2D's. Lengths are in the canvas's own units. */
interface Canvas {
    fun rectangle(x: Float, y: Float, width: Float, height: Float, corner: Float, colour: Colour)

    fun line(x1: Float, y1: Float, x2: Float, y2: Float, thickness: Float, colour: Colour)

    /** Draw an image, mirrored as people know themselves, with its corner at a place. */
    fun mirrored(image: RgbImage, x: Float, y: Float, width: Float, height: Float)

    fun circle(x: Float, y: Float, radius: Float, colour: Colour)

    /** Draw text of one line; [y] is its base line. */
    fun text(text: String, x: Float, y: Float, size: Float, bold: Boolean, colour: Colour)

    /** Width of a text. */
    fun width(text: String, size: Float, bold: Boolean): Float
}

/** Sentences of the screen in the owner's language, by name of the string in `strings.xml`; `%1$s` and so on are filled. */
fun interface Words {
    fun of(name: String, vararg values: Any): String
}

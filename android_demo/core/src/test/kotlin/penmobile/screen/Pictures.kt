package penmobile.screen

import penmobile.face.RgbImage
import java.awt.Color
import java.awt.Font
import java.awt.Graphics2D
import java.awt.RenderingHints
import java.awt.geom.AffineTransform
import java.awt.geom.Ellipse2D
import java.awt.geom.Line2D
import java.awt.geom.RoundRectangle2D
import java.awt.image.BufferedImage
import java.io.File
import javax.imageio.ImageIO

/** Draws every example as a picture, light and dark, English and German: `PicturesKt FOLDER`. */
fun main(arguments: Array<String>) {
    val folder = File(arguments[0]).apply { mkdirs() }
    for (language in listOf("en", "de")) for (theme in Theme.values()) {
        val sheet = BufferedImage(SCALE * 360 * 4, SCALE * 560 * 3, BufferedImage.TYPE_INT_RGB)
        val graphics = sheet.createGraphics()
        Examples.all.values.forEachIndexed { place, state ->
            val part = graphics.create(SCALE * 360 * (place % 4), SCALE * 560 * (place / 4), SCALE * 360, SCALE * 560) as Graphics2D
            ScreenPainter(ResourceFile(language), theme).paint(Java2DCanvas(part), state, 360f, 560f)
        }
        ImageIO.write(sheet, "png", File(folder, "screens-$language-${theme.name.lowercase()}.png"))
    }
}

private const val SCALE = 1

/** Draws with Java2D. */
class Java2DCanvas(private val graphics: Graphics2D) : Canvas {
    init {
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON)
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON)
        graphics.scale(SCALE.toDouble(), SCALE.toDouble())
    }

    override fun rectangle(x: Float, y: Float, width: Float, height: Float, corner: Float, colour: Colour) {
        graphics.color = Color(colour, true)
        graphics.fill(RoundRectangle2D.Float(x, y, width, height, 2 * corner, 2 * corner))
    }

    override fun line(x1: Float, y1: Float, x2: Float, y2: Float, thickness: Float, colour: Colour) {
        graphics.color = Color(colour, true)
        graphics.stroke = java.awt.BasicStroke(thickness)
        graphics.draw(Line2D.Float(x1, y1, x2, y2))
    }

    override fun circle(x: Float, y: Float, radius: Float, colour: Colour) {
        graphics.color = Color(colour, true)
        graphics.fill(Ellipse2D.Float(x - radius, y - radius, 2 * radius, 2 * radius))
    }

    override fun mirrored(image: RgbImage, x: Float, y: Float, width: Float, height: Float) {
        val picture = BufferedImage(image.width, image.height, BufferedImage.TYPE_INT_ARGB)
        picture.setRGB(0, 0, image.width, image.height, image.pixels(), 0, image.width)
        val place = AffineTransform(-width / image.width, 0f, 0f, height / image.height, x + width, y)
        graphics.drawImage(picture, place, null)
    }

    override fun text(text: String, x: Float, y: Float, size: Float, bold: Boolean, colour: Colour) {
        graphics.color = Color(colour, true)
        graphics.font = font(size, bold)
        graphics.drawString(text, x, y)
    }

    override fun width(text: String, size: Float, bold: Boolean): Float =
        graphics.getFontMetrics(font(size, bold)).stringWidth(text).toFloat()

    private fun font(size: Float, bold: Boolean) = Font(Font.SANS_SERIF, if (bold) Font.BOLD else Font.PLAIN, 1).deriveFont(size)
}

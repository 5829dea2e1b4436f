package penmobile.app

import android.graphics.Bitmap
import android.graphics.Paint
import android.graphics.RectF
import android.graphics.Typeface
import penmobile.face.RgbImage
import penmobile.screen.Canvas
import penmobile.screen.Colour

/**
 * Draws on Android's canvas.
 *
 * @param density pixels of one density-independent pixel.
 */
class AndroidCanvas(private val canvas: android.graphics.Canvas, private val density: Float) : Canvas {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG or Paint.FILTER_BITMAP_FLAG)

    override fun rectangle(x: Float, y: Float, width: Float, height: Float, corner: Float, colour: Colour) {
        paint.color = colour
        val edge = corner * density
        canvas.drawRoundRect(x * density, y * density, (x + width) * density, (y + height) * density, edge, edge, paint)
    }

    override fun line(x1: Float, y1: Float, x2: Float, y2: Float, thickness: Float, colour: Colour) {
        paint.color = colour
        paint.strokeWidth = thickness * density
        canvas.drawLine(x1 * density, y1 * density, x2 * density, y2 * density, paint)
    }

    override fun circle(x: Float, y: Float, radius: Float, colour: Colour) {
        paint.color = colour
        canvas.drawCircle(x * density, y * density, radius * density, paint)
    }

    override fun mirrored(image: RgbImage, x: Float, y: Float, width: Float, height: Float) {
        val bitmap = Bitmap.createBitmap(image.pixels(), image.width, image.height, Bitmap.Config.ARGB_8888)
        canvas.save()
        canvas.scale(-1f, 1f, (x + width / 2) * density, 0f)
        canvas.drawBitmap(bitmap, null, RectF(x * density, y * density, (x + width) * density, (y + height) * density), paint)
        canvas.restore()
    }

    override fun text(text: String, x: Float, y: Float, size: Float, bold: Boolean, colour: Colour) {
        style(size, bold)
        paint.color = colour
        canvas.drawText(text, x * density, y * density, paint)
    }

    override fun width(text: String, size: Float, bold: Boolean): Float {
        style(size, bold)
        return paint.measureText(text) / density
    }

    private fun style(size: Float, bold: Boolean) {
        paint.textSize = size * density
        paint.typeface = if (bold) Typeface.DEFAULT_BOLD else Typeface.DEFAULT
    }
}

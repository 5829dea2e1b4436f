package penmobile.app

import android.graphics.Bitmap
import android.graphics.PointF
import android.media.FaceDetector
import penmobile.face.Eyes
import penmobile.face.Place
import penmobile.face.RgbImage

/** Finds the eyes with the detector that is in Android since its first release; it sees upright faces alone. */
class PlatformFaceFinder : FaceFinder {
    override fun find(image: RgbImage): Eyes? {
        val width = image.width and 1.inv() // the detector asks for an even width
        val bitmap = Bitmap.createBitmap(image.pixels(), 0, image.width, width, image.height, Bitmap.Config.RGB_565)
        val faces = arrayOfNulls<FaceDetector.Face>(1)
        FaceDetector(width, image.height, faces.size).findFaces(bitmap, faces)
        return faces[0]?.let(::eyes)
    }

    private fun eyes(face: FaceDetector.Face): Eyes {
        val middle = PointF().also(face::getMidPoint)
        val half = face.eyesDistance() / 2.0
        return Eyes(Place(middle.x - half, middle.y.toDouble()), Place(middle.x + half, middle.y.toDouble()))
    }
}

/** Finds the eyes of one person. */
fun interface FaceFinder {
    /** Return the eyes in an upright image that is not mirrored, or null. */
    fun find(image: RgbImage): Eyes?
}

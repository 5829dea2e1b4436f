package penmobile.app

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.media.ImageReader
import android.os.Handler
import penmobile.face.RgbImage

private const val WIDTH = 640
private const val HEIGHT = 480

/**
 * Frames of the front camera, upright and not mirrored; only the latest is kept.
 *
 * @param handler of the one thread on which [onFrame] is called.
 */
class CameraSource(
    context: Context,
    private val handler: Handler,
    private val onFrame: (RgbImage) -> Unit,
    private val onGone: () -> Unit,
) {
    private val manager = context.getSystemService(CameraManager::class.java)
    private var device: CameraDevice? = null
    private var reader: ImageReader? = null

    /**
     * Start; the permission must have been given.
     *
     * @param screenDegrees how far the screen is turned from the device's natural orientation.
     */
    fun start(screenDegrees: Int) {
        handler.post { guarded { open(screenDegrees) } }
    }

    @SuppressLint("MissingPermission")
    private fun open(screenDegrees: Int) {
        val camera = front() ?: return onGone()
        val sensor = manager.getCameraCharacteristics(camera).get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        val frames = ImageReader.newInstance(WIDTH, HEIGHT, ImageFormat.YUV_420_888, 2)
        val listener = ImageReader.OnImageAvailableListener { source ->
            source.acquireLatestImage()?.use { onFrame(upright(it, sensor, screenDegrees)) }
        }
        frames.setOnImageAvailableListener(listener, handler)
        reader = frames
        manager.openCamera(camera, Opened(frames), handler)
    }

    /** Stop, and release the camera. */
    fun stop() {
        handler.post {
            device?.close()
            reader?.close()
            device = null
            reader = null
        }
    }

    /** Another app, a policy or the system may take the camera at any moment. */
    private inline fun guarded(use: () -> Unit) = try {
        use()
    } catch (error: CameraAccessException) {
        gone(error)
    } catch (error: IllegalStateException) { // closed meanwhile
        gone(error)
    } catch (error: IllegalArgumentException) { // its surface was given back, or it is no camera any more
        gone(error)
    } catch (error: SecurityException) { // the permission was taken back
        gone(error)
    }

    private fun gone(error: Exception) {
        android.util.Log.w("penmobile", error.message, error)
        onGone()
    }

    private fun front(): String? = manager.cameraIdList.firstOrNull {
        manager.getCameraCharacteristics(it).get(CameraCharacteristics.LENS_FACING) == CameraCharacteristics.LENS_FACING_FRONT
    }

    /** What happens to a camera; [frames] are those of [reader] unless the camera was stopped or started anew meanwhile. */
    private inner class Opened(private val frames: ImageReader) : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            if (reader !== frames) return camera.close()
            device = camera
            guarded { camera.createCaptureSession(listOf(frames.surface), Repeating(frames), handler) }
        }

        override fun onDisconnected(camera: CameraDevice) = lost(camera)

        override fun onError(camera: CameraDevice, error: Int) = lost(camera)

        private fun lost(camera: CameraDevice) {
            camera.close()
            if (reader !== frames) return
            device = null
            onGone()
        }
    }

    private inner class Repeating(private val frames: ImageReader) : CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) = guarded {
            if (reader !== frames) return
            val request = session.device.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
            request.addTarget(frames.surface)
            session.setRepeatingRequest(request.build(), null, handler)
            Unit
        }

        override fun onConfigureFailed(session: CameraCaptureSession) {
            if (reader === frames) onGone()
        }
    }
}

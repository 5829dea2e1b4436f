package penmobile.app

import android.content.Context
import android.os.Handler
import android.os.HandlerThread
import android.os.Looper
import penmobile.PenException
import penmobile.Problem
import penmobile.face.Eyes
import penmobile.face.RgbImage
import penmobile.screen.Camera
import penmobile.screen.Preview
import penmobile.screen.ScreenEvent
import penmobile.session.Session
import java.io.IOException
import java.io.OutputStream

/**
 * The one thread that knows the session: programs, store and faces. What happens is told to the screen's thread.
 *
 * @param tell called on the main thread.
 */
class Worker(context: Context, private val tell: (ScreenEvent) -> Unit) {
    private val thread = HandlerThread("penmobile").apply { start() }
    private val main = Handler(Looper.getMainLooper())
    private val opening = Opening(context)
    private val faces: FaceFinder = PlatformFaceFinder() // for bundles without a detector
    private var eyes: Eyes? = null
    private var session: Session? = null
    private var feature: FloatArray? = null

    /** Where frames of the camera belong. */
    val handler = Handler(thread.looper)

    /** Open bundle and store where they are not open; otherwise read what the nightly job has done meanwhile. */
    fun refresh() = run {
        session?.let {
            it.reload()
            history(it)
        } ?: open()
    }

    private fun open() {
        val opened = opening.open()
        session = opened
        val manifest = opened.manifest
        val about = opening.about(opened)
        say(ScreenEvent.Opened(manifest.targets, manifest.lowest.toFloat(), manifest.highest.toFloat(), opened.labels, about))
        history(opened)
    }

    /** Forget the last face: a label belongs to what the owner sees. */
    fun pause() = run {
        feature = null
        eyes = null
    }

    /** Look at a frame; called on this thread. */
    fun look(image: RgbImage) = guarded {
        val at = session ?: return@guarded
        val found = if (at.manifest.face == null) faces.find(image) else at.find(image, eyes)
        eyes = found
        feature = found?.let { at.feature(image, it) }
        say(ScreenEvent.Looked(feature?.let { at.predict(it).targets }, Preview.of(image, found)))
    }

    /** Label the last frame with a face. */
    fun label(labels: FloatArray) = with { at ->
        feature?.let {
            at.label(it, labels)
            say(ScreenEvent.Labelled(labels, at.labels))
        }
    }

    /** Adapt to all labels. */
    fun adapt() = with { at ->
        say(ScreenEvent.Adapting)
        say(ScreenEvent.Adapted(at.adapt()))
        history(at)
    }

    /** Go back to the head before. */
    fun undo() = with { at ->
        at.rollback()
        history(at)
    }

    /** Write all data to where the owner wants them. */
    fun export(open: () -> OutputStream?) = with { at -> open()?.use(at::export) }

    /** Delete all data; a store that cannot be opened is deleted as a file. */
    fun delete() = run {
        val at = session
        if (at == null) {
            opening.startAnew()
            open()
        } else {
            erase(at)
            say(ScreenEvent.Erased)
            history(at)
        }
    }

    /** Delete all data; a store that cannot do it is closed, so that the next wish deletes its files. */
    private fun erase(at: Session) = try {
        at.deleteAll()
    } catch (error: PenException) {
        if (error.problem != Problem.BUSY) {
            session = null
            at.close()
        }
        throw error
    }

    /** End: the session is closed last. */
    fun close() {
        handler.post { session?.close() }
        thread.quitSafely()
    }

    private fun history(at: Session) = say(ScreenEvent.HistoryRead(at.history(), at.version, at.labels))

    private fun with(use: (Session) -> Unit) = run { session?.let(use) }

    private fun run(task: () -> Unit) {
        handler.post { guarded(task) }
    }

    private inline fun guarded(task: () -> Unit) = try {
        task()
    } catch (error: PenException) {
        hindered(error.problem, error)
    } catch (error: IOException) {
        hindered(Problem.DISK, error)
    }

    private fun hindered(problem: Problem, error: Exception) {
        android.util.Log.w("penmobile", error.message, error)
        say(ScreenEvent.Hindered(problem))
    }

    private fun say(event: ScreenEvent) {
        main.post { tell(event) }
    }

    /** The camera is gone or there is none. */
    fun cameraGone() = say(ScreenEvent.CameraChanged(Camera.OFF))
}

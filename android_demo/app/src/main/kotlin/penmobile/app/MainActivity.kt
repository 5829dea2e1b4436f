package penmobile.app

import android.Manifest
import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.content.pm.PackageManager
import android.content.res.Configuration
import android.os.Bundle
import android.view.Surface
import android.widget.Button
import android.widget.HorizontalScrollView
import android.widget.LinearLayout
import penmobile.screen.Camera
import penmobile.screen.ScreenEvent
import penmobile.screen.ScreenState
import penmobile.screen.after

private const val EXPORT = 1
private const val CAMERA = 2

/** The one screen: a drawn state, and buttons of the platform. */
class MainActivity : Activity() {
    private val words by lazy { ResourceWords(this) }
    private val worker by lazy { Worker(applicationContext, ::happened) }
    private val camera by lazy { CameraSource(this, worker.handler, worker::look, worker::cameraGone) }
    private val view by lazy { ScreenView(this, words, worker::label) }
    private val adapt by lazy { button("button_adapt") { worker.adapt() } }
    private val undo by lazy { button("button_undo") { worker.undo() } }
    private var state = ScreenState()

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        val buttons = LinearLayout(this)
        listOf(
            adapt, button("button_history") { happened(ScreenEvent.HistoryShown(!state.historyShown)) }, undo,
            button("button_camera") { requestPermissions(arrayOf(Manifest.permission.CAMERA), CAMERA) },
            button("button_export") { export() }, button("button_delete") { delete() },
        ).forEach(buttons::addView)
        val column = LinearLayout(this).apply {
            orientation = LinearLayout.VERTICAL
            fitsSystemWindows = true // below the status bar and above the buttons of the system
        }
        column.addView(view, LinearLayout.LayoutParams(LinearLayout.LayoutParams.MATCH_PARENT, 0, 1f))
        column.addView(HorizontalScrollView(this).apply { addView(buttons) })
        setContentView(column)
        AdaptJob.schedule(this)
    }

    override fun onResume() {
        super.onResume()
        worker.refresh()
        look()
    }

    /** Turned: programs and store stay open, the camera's frames are turned from now on. */
    override fun onConfigurationChanged(changed: Configuration) {
        super.onConfigurationChanged(changed)
        look()
    }

    override fun onPause() {
        camera.stop()
        worker.pause()
        happened(ScreenEvent.CameraChanged(Camera.OFF))
        super.onPause()
    }

    override fun onDestroy() {
        worker.close()
        super.onDestroy()
    }

    override fun onRequestPermissionsResult(request: Int, permissions: Array<out String>, results: IntArray) = look()

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val target = data?.data ?: return
        if (request == EXPORT && result == RESULT_OK) worker.export { contentResolver.openOutputStream(target, "wt") }
    }

    private fun look() {
        if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            return happened(ScreenEvent.CameraChanged(Camera.NO_PERMISSION))
        }
        camera.stop()
        happened(ScreenEvent.CameraChanged(Camera.FACE))
        camera.start(degrees())
    }

    @Suppress("DEPRECATION") // its successor is of API level 30
    private fun degrees(): Int = when (windowManager.defaultDisplay.rotation) {
        Surface.ROTATION_90 -> 90
        Surface.ROTATION_180 -> 180
        Surface.ROTATION_270 -> 270
        else -> 0
    }

    private fun happened(event: ScreenEvent) {
        state = state.after(event)
        view.state = state
        adapt.isEnabled = state.canAdapt
        undo.isEnabled = state.canUndo
    }

    private fun export() {
        val wish = Intent(Intent.ACTION_CREATE_DOCUMENT).setType("application/zip").putExtra(Intent.EXTRA_TITLE, "pen-mobile-data.zip")
        startActivityForResult(wish, EXPORT)
    }

    private fun delete() {
        AlertDialog.Builder(this)
            .setMessage(words.of("delete_question"))
            .setPositiveButton(words.of("button_delete")) { _, _ -> worker.delete() }
            .setNegativeButton(android.R.string.cancel, null)
            .show()
    }

    private fun button(name: String, action: () -> Unit) = Button(this).apply {
        text = words.of(name)
        setOnClickListener { action() }
    }
}

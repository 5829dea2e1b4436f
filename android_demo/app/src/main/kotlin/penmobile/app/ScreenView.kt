package penmobile.app

import android.annotation.SuppressLint
import android.content.Context
import android.content.res.Configuration
import android.graphics.Canvas
import android.view.MotionEvent
import android.view.View
import penmobile.screen.ScreenPainter
import penmobile.screen.ScreenState
import penmobile.screen.Sentences
import penmobile.screen.Theme
import penmobile.screen.Words

/** Shows a state; a touch on the plane is a label. */
@SuppressLint("ViewConstructor")
class ScreenView(context: Context, words: Words, private val onLabel: (FloatArray) -> Unit) : View(context) {
    private val density = resources.displayMetrics.density
    private val dark = resources.configuration.uiMode and Configuration.UI_MODE_NIGHT_MASK == Configuration.UI_MODE_NIGHT_YES
    private val painter = ScreenPainter(words, if (dark) Theme.DARK else Theme.LIGHT)
    private val sentences = Sentences(words)
    private val describe: (ScreenState) -> String = { words.of("plane_description", sentences.status(it), sentences.hint(it)) }

    /** What is shown. */
    var state = ScreenState()
        set(value) {
            field = value
            contentDescription = describe(value) // TalkBack reads it
            invalidate()
        }

    init {
        isFocusable = true
    }

    override fun onDraw(canvas: Canvas) = painter.paint(AndroidCanvas(canvas, density), state, width / density, height / density)

    override fun onTouchEvent(event: MotionEvent): Boolean {
        if (event.action == MotionEvent.ACTION_UP) performClick()
        if (event.action == MotionEvent.ACTION_UP && state.canLabel) {
            painter.plane(width / density, height / density).label(event.x / density, event.y / density, state)?.let(onLabel)
        }
        return true
    }

    override fun performClick(): Boolean = super.performClick()
}

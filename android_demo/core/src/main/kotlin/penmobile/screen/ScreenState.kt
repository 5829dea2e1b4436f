package penmobile.screen

import penmobile.Problem
import penmobile.face.Eyes
import penmobile.face.Place
import penmobile.face.RgbImage
import penmobile.face.area
import penmobile.session.AdaptationResult
import penmobile.session.TargetVerdict
import penmobile.store.HeadVersion

private const val TRAIL = 24
private const val PREVIEW_SIDE = 128.0

/** Problems that hinder one action, not the next. */
private val PASSING = setOf(Problem.DISK, Problem.BUSY, Problem.OVERTAKEN, Problem.BAD_INPUT)

/** What the camera shows. */
enum class Camera { OFF, NO_PERMISSION, NO_FACE, FACE }

/** A small image of the camera, and the eyes of the face in it. */
class Preview private constructor(val image: RgbImage, val eyes: Eyes?) {
    companion object {
        /** Bring an image of the camera down to what a screen shows of it; [eyes] are in its pixels. */
        fun of(image: RgbImage, eyes: Eyes?): Preview {
            val scale = minOf(1.0, PREVIEW_SIDE / maxOf(image.width, image.height))
            val small = area(image, maxOf(1, (image.width * scale).toInt()), maxOf(1, (image.height * scale).toInt()))
            return Preview(small, eyes?.moved { Place(it.x * scale, it.y * scale) })
        }
    }
}

/**
 * What became of an adaptation.
 *
 * @property targets one verdict for each; empty when there was nothing to adapt to.
 */
data class Card(val accepted: Boolean, val targets: List<TargetVerdict>)

/** One line of the history; [current] is the head in use. */
data class Attempt(val version: Long, val accepted: Boolean, val current: Boolean, val seconds: Double)

/** What the app runs; [signed] says whether its maker's key was asked for. */
data class About(val model: String, val recipe: String, val signed: Boolean)

/**
 * Everything that the screen shows: never changed, only replaced by [after].
 *
 * @property targets names, in the order of every estimate and label.
 * @property preview what the camera sees, or null.
 * @property trail the last estimates, oldest first, each `[K]`; empty when there is none.
 * @property label the last label given, `[K]`, or null.
 * @property labels how many are in the store.
 * @property adapting whether an adaptation runs.
 * @property problem what hinders, or null.
 */
data class ScreenState(
    val targets: List<String> = emptyList(),
    val lowest: Float = -1f,
    val highest: Float = 1f,
    val camera: Camera = Camera.OFF,
    val preview: Preview? = null,
    val trail: List<List<Float>> = emptyList(),
    val label: List<Float>? = null,
    val labels: Int = 0,
    val adapting: Boolean = false,
    val card: Card? = null,
    val history: List<Attempt> = emptyList(),
    val historyShown: Boolean = false,
    val about: About? = null,
    val problem: Problem? = null,
) {
    /** The present estimate `[K]`, or null. */
    val estimate: List<Float>? get() = trail.lastOrNull()

    /** Whether the app cannot go on before the owner has done something. */
    val blocked: Boolean get() = problem != null && problem !in PASSING

    /** Whether a label can be given: there is a face, and nothing hinders. */
    val canLabel: Boolean get() = estimate != null && !adapting && !blocked && !historyShown

    /** Whether an adaptation can be started. */
    val canAdapt: Boolean get() = labels > 0 && !adapting && !blocked

    /** Whether there is a head to go back from. */
    val canUndo: Boolean get() = !adapting && history.any { it.current }
}

/** What happens to a screen. */
sealed class ScreenEvent {
    /** A session was opened. */
    class Opened(val targets: List<String>, val lowest: Float, val highest: Float, val labels: Int, val about: About) : ScreenEvent()

    /** The camera may not be used, or is off. */
    class CameraChanged(val camera: Camera) : ScreenEvent()

    /** A frame was looked at; without a face, [targets] is null. */
    class Looked(val targets: FloatArray?, val preview: Preview? = null) : ScreenEvent()

    /** The owner labelled the moment; [count] labels are in the store now. */
    class Labelled(val label: FloatArray, val count: Int) : ScreenEvent()

    /** An adaptation began. */
    object Adapting : ScreenEvent()

    /** An adaptation ended. */
    class Adapted(val result: AdaptationResult) : ScreenEvent()

    /** The history was read again; [version] is in use. */
    class HistoryRead(val history: List<HeadVersion>, val version: Long?, val labels: Int) : ScreenEvent()

    /** All data are deleted. */
    object Erased : ScreenEvent()

    /** The owner opened or closed the history. */
    class HistoryShown(val shown: Boolean) : ScreenEvent()

    /** Something hinders; null: it is over. */
    class Hindered(val problem: Problem?) : ScreenEvent()
}

/** Return the screen after something happened. */
fun ScreenState.after(event: ScreenEvent): ScreenState = when (event) {
    is ScreenEvent.Opened -> copy(
        targets = event.targets, lowest = event.lowest, highest = event.highest, labels = event.labels, about = event.about, problem = null,
    )
    is ScreenEvent.CameraChanged ->
        if (event.camera == Camera.FACE) copy(camera = Camera.FACE) else copy(camera = event.camera, trail = emptyList(), preview = null)
    is ScreenEvent.Looked -> {
        val found = event.targets?.let { (trail + listOf(it.toList())).takeLast(TRAIL) }.orEmpty()
        copy(camera = if (found.isEmpty()) Camera.NO_FACE else Camera.FACE, trail = found, preview = event.preview)
    }
    is ScreenEvent.Labelled -> copy(label = event.label.toList(), labels = event.count, card = null, problem = null)
    ScreenEvent.Adapting -> copy(adapting = true, card = null, problem = null)
    is ScreenEvent.Adapted -> copy(adapting = false, label = null, card = Card(event.result.accepted, event.result.targets))
    is ScreenEvent.HistoryRead -> copy(
        labels = event.labels,
        history = event.history.map { Attempt(it.version, it.status != "rejected", it.version == event.version, it.createdAt) },
    )
    ScreenEvent.Erased -> copy(label = null, card = null, problem = null)
    is ScreenEvent.HistoryShown -> copy(historyShown = event.shown)
    is ScreenEvent.Hindered -> copy(problem = event.problem, adapting = false)
}

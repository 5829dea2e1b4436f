package penmobile.screen

import penmobile.Problem
import penmobile.face.Eyes
import penmobile.face.Place
import penmobile.face.RgbImage
import penmobile.session.AdaptationResult
import penmobile.session.TargetVerdict
import penmobile.session.Verdict
import penmobile.store.HeadVersion

/** Screens that an owner meets. */
object Examples {
    private val opened = ScreenState().after(
        ScreenEvent.Opened(listOf("valence", "arousal"), -1f, 1f, 0, About("mobilenet-v2", "android-fp32", true)),
    )
    private val person = Preview.of(drawnFace(), Eyes(Place(190.0, 250.0), Place(290.0, 240.0)))
    private val seen = (1..12).fold(opened) { state, step ->
        state.after(ScreenEvent.Looked(floatArrayOf(-0.3f + 0.06f * step, 0.1f + 0.02f * step * step / 12), person))
    }
    private val labelled = seen.after(ScreenEvent.Labelled(floatArrayOf(0.7f, 0.55f), 7))

    /** A head before a wall: an ellipse with two eyes. */
    private fun drawnFace(): RgbImage {
        fun inside(x: Int, y: Int, across: Double, down: Double, wide: Double, high: Double) =
            Math.hypot((x - across) / wide, (y - down) / high) < 1
        val levels = ByteArray(3 * 480 * 640)
        for (pixel in 0 until 480 * 640) {
            val (x, y) = pixel % 480 to pixel / 480
            val colour = when {
                inside(x, y, 190.0, 250.0, 18.0, 11.0) || inside(x, y, 290.0, 240.0, 18.0, 11.0) -> listOf(40, 30, 30)
                inside(x, y, 240.0, 290.0, 115.0, 160.0) -> listOf(214, 168, 140)
                else -> listOf(70 + y / 8, 96 + y / 8, 110 + y / 8)
            }
            colour.forEachIndexed { channel, level -> levels[3 * pixel + channel] = level.toByte() }
        }
        return RgbImage(480, 640, levels)
    }

    private fun one(target: String, verdict: Verdict, before: Double, after: Double) =
        TargetVerdict(target, verdict, before, after, 0.3, 0.02, 6.0, 0.1)

    private fun adapted(accepted: Boolean, vararg targets: TargetVerdict) =
        labelled.after(ScreenEvent.Adapting).after(ScreenEvent.Adapted(AdaptationResult(accepted, "", 7, targets.toList())))

    private fun head(version: Long, status: String) =
        HeadVersion(version, null, status, "prior", 1.7e9 + version, null, emptyMap<String, Any>())

    private val attempts = listOf(head(1, "superseded"), head(2, "rejected"), head(3, "active"))

    val all: Map<String, ScreenState> = mapOf(
        "empty" to opened,
        "no-permission" to opened.after(ScreenEvent.CameraChanged(Camera.NO_PERMISSION)),
        "no-face" to opened.after(ScreenEvent.Looked(null, Preview.of(RgbImage(480, 640, ByteArray(3 * 480 * 640) { 96 }), null))),
        "estimate" to seen,
        "labelled" to labelled,
        "adapting" to labelled.after(ScreenEvent.Adapting),
        "accepted" to adapted(true, one("valence", Verdict.ADAPTED, 0.34, 0.22), one("arousal", Verdict.TOO_ROUGH, 0.3, 0.3)),
        "refused" to adapted(
            false, one("valence", Verdict.CONTRADICTS_HEAD, 0.34, 0.4), one("arousal", Verdict.WORSE_LEFT_OUT, 0.3, 0.45),
        ),
        "history" to labelled.after(ScreenEvent.HistoryRead(attempts, 3, 7)).after(ScreenEvent.HistoryShown(true)),
        "three-targets" to ScreenState()
            .after(ScreenEvent.Opened(listOf("valence", "arousal", "dominance"), -1f, 1f, 1, About("resnet18", "android-int8", false)))
            .after(ScreenEvent.Looked(floatArrayOf(0.2f, -0.4f, 0.8f))),
        "forged" to opened.after(ScreenEvent.Hindered(Problem.FORGED)),
        "disk-full" to labelled.after(ScreenEvent.Hindered(Problem.DISK)),
    )
}

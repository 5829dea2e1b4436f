package penmobile.screen

import penmobile.Problem
import penmobile.session.AdaptationResult
import penmobile.session.TargetVerdict
import penmobile.session.Verdict
import penmobile.store.HeadVersion

/** Screens that an owner meets. */
object Examples {
    private val opened = ScreenState().after(
        ScreenEvent.Opened(listOf("valence", "arousal"), -1f, 1f, 0, About("mobilenet-v2", "android-fp32", true)),
    )
    private val seen = (1..12).fold(opened) { state, step ->
        state.after(ScreenEvent.Looked(floatArrayOf(-0.3f + 0.06f * step, 0.1f + 0.02f * step * step / 12)))
    }
    private val labelled = seen.after(ScreenEvent.Labelled(floatArrayOf(0.7f, 0.55f), 7))

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
        "no-face" to opened.after(ScreenEvent.Looked(null)),
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

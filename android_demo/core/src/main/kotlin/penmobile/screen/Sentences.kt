package penmobile.screen

import penmobile.Problem
import penmobile.session.TargetVerdict
import penmobile.session.Verdict
import penmobile.session.decimal

/** Says a state in sentences: the screen draws them, and TalkBack reads them. */
class Sentences(private val words: Words) {
    /** One line about what the camera and the app do. */
    fun status(state: ScreenState): String = when {
        state.problem != null -> words.of(title(state.problem))
        state.adapting -> words.of("adapting")
        state.camera == Camera.OFF -> words.of("camera_off")
        state.camera == Camera.NO_PERMISSION -> words.of("camera_no_permission")
        state.camera == Camera.NO_FACE -> words.of("no_face")
        else -> state.estimate?.let { estimate(state, it) } ?: words.of("looking")
    }

    /** The way on from a problem; empty when there is none. */
    fun advice(state: ScreenState): String = state.problem?.let { words.of(title(it) + "_advice") } ?: ""

    /** How many labels there are. */
    fun labels(state: ScreenState): String = if (state.labels == 1) words.of("one_label") else words.of("labels", state.labels)

    /** What the owner can do now; empty when there is nothing. */
    fun hint(state: ScreenState): String = when {
        !state.canLabel -> ""
        state.targets.size == 2 -> words.of("hint_plane")
        else -> words.of("hint_bars")
    }

    /** Heading of the card. */
    fun cardTitle(card: Card): String = words.of(if (card.accepted) "accepted" else "refused")

    /** One sentence for each target of the card. */
    fun cardLines(card: Card): List<String> = if (card.targets.isEmpty()) listOf(words.of("no_labels")) else card.targets.map(::verdict)

    /** One line of the history. */
    fun attempt(attempt: Attempt): String {
        val name = when {
            attempt.current -> "attempt_current"
            attempt.accepted -> "attempt_accepted"
            else -> "attempt_refused"
        }
        return words.of(name, attempt.version)
    }

    /** Which model runs. */
    fun about(about: About): String = words.of(if (about.signed) "about_signed" else "about_unsigned", about.model, about.recipe)

    private fun estimate(state: ScreenState, values: List<Float>): String =
        state.targets.zip(values) { target, value -> "$target ${signed(value)}" }.joinToString(", ")

    private fun signed(value: Float): String = decimal(value.toDouble()).let { if (it.startsWith("-") || it == "0.00") it else "+$it" }

    private fun verdict(one: TargetVerdict): String {
        if (one.verdict != Verdict.ADAPTED) return words.of("verdict_${one.verdict.name.lowercase()}", one.target)
        val change = "verdict_${listOf("better", "same", "worse")[one.change + 1]}"
        val said = words.of(change, one.target, decimal(one.before), decimal(one.after))
        return if (one.againstOwnMean > 0) "$said ${words.of("worse_than_own_mean", decimal(one.ownMean))}" else said
    }

    private fun title(problem: Problem) = "problem_${problem.name.lowercase()}"
}

package penmobile.session

import java.math.BigDecimal
import java.math.RoundingMode

private const val SAME = 0.01
private val DECLINED = mapOf(
    Verdict.NO_LABELS to
        "no label can be used: the faces are far from all that the model learned from (another camera, light or crop?)",
    Verdict.CONTRADICTS_HEAD to
        "the labels contradict the shipped head: they may be inverted, or belong to other moments or another person",
    Verdict.WORSE_LEFT_OUT to "it would get worse",
    Verdict.TOO_ROUGH to "the labels jump from moment to moment more than labels do: they may belong to other moments",
    Verdict.SURPRISING to
        "the labels are farther from what this face usually shows than people's labels are: they may be inverted, or belong " +
        "to other moments or another person",
    Verdict.ALL_ALIKE to "all labels are the same; they say nothing about what changes a face",
)
private val STANDINGS = listOf("better than" to -1, "as good as" to 0, "worse than" to 1)

/** Return whether an error is smaller than another (-1), the same to a hundredth of [unit] (0), or larger (1). */
internal fun compared(error: Double, other: Double, unit: Double): Int = when {
    Math.abs(error - other) < SAME * unit -> 0
    error < other -> -1
    else -> 1
}

/** Return an error with two digits, rounded half to even as Python does. */
fun decimal(value: Double): String {
    if (value.isNaN() || value.isInfinite()) return "inf"
    val text = BigDecimal(value).setScale(2, RoundingMode.HALF_EVEN).toPlainString()
    return if (text == "-0.00") "0.00" else text
}

/** Return in words what happened to each target, as Python's history says it. */
fun reasonOf(targets: List<TargetVerdict>): String {
    val (adapted, refused) = targets.partition { it.verdict == Verdict.ADAPTED }
    val parts = mutableListOf<String>()
    if (adapted.isNotEmpty()) {
        parts += "on labels left out, ${joined(adapted.map(::change))}; ${againstOwnMean(adapted)}"
    }
    for ((refusal, group) in refused.groupBy(::refusal)) {
        parts += "${joined(group.map { it.target })} ${if (group.size == 1) "keeps" else "keep"} the old head: $refusal"
    }
    return parts.joinToString("; ")
}

/**
 * Return a remark for labels of which most share their time with others: they count as few, whatever they are.
 *
 * @param times seconds, to milliseconds.
 */
fun sharedTimes(times: DoubleArray): String {
    val count = times.distinct().size
    if (2 * count > times.size) return ""
    val same = if (count == 1) "the same capture time" else "$count capture times"
    return "; ${times.size} labels have $same, and labels of one time count as one: give captured_at"
}

private fun change(one: TargetVerdict): String {
    if (one.change == 0) return "${one.target} stayed the same (error ${decimal(one.after)})"
    return "${one.target} got ${if (one.change < 0) "better" else "worse"} (${numbers(one)})"
}

private fun numbers(one: TargetVerdict) = "error ${decimal(one.before)} to ${decimal(one.after)}"

private fun refusal(one: TargetVerdict): String {
    if (one.after.isInfinite()) return "its error on labels left out is not a number"
    val why = DECLINED.getValue(one.verdict)
    return if (one.verdict == Verdict.WORSE_LEFT_OUT) "$why (${numbers(one)})" else why
}

private fun againstOwnMean(adapted: List<TargetVerdict>): String = joined(
    STANDINGS.mapNotNull { (words, standing) ->
        val group = adapted.filter { it.againstOwnMean == standing }
        if (group.isEmpty()) return@mapNotNull null
        val errors = joined(group.map { decimal(it.ownMean) }.distinct())
        "${subject(group, adapted.size)} $words always answering your own mean ($errors)"
    },
)

private fun subject(group: List<TargetVerdict>, all: Int): String = when {
    group.size == all && all > 1 -> if (all == 2) "both are" else "all are"
    else -> "${joined(group.map { it.target })} ${if (group.size == 1) "is" else "are"}"
}

private fun joined(words: List<String>): String =
    if (words.size == 1) words[0] else "${words.dropLast(1).joinToString()} and ${words.last()}"

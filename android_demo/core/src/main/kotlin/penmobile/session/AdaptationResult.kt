package penmobile.session

/**
 * The result of one adaptation.
 *
 * @property accepted whether the new head replaces the old one.
 * @property reason why, in English words, for the history; the screen has its own words for [targets].
 * @property labels labels in the store; [leftOut] of them were not used, because their features are unlike all others.
 * @property targets one verdict for each target; empty when nothing was tried.
 * @property seconds wall time.
 */
data class AdaptationResult(
    val accepted: Boolean,
    val reason: String,
    val labels: Int,
    val targets: List<TargetVerdict> = emptyList(),
    val leftOut: Int = 0,
    val seconds: Double = 0.0,
) {
    /** What the store keeps of it; Python reads the same names. */
    fun metrics(): Map<String, Any?> = mapOf(
        "accepted" to accepted,
        "reason" to reason,
        "labels" to labels,
        "targets" to targets.map(::shown),
        "error_before" to overAll { it.before },
        "error_after" to overAll { it.after },
        "strategy" to "prior",
        "optimizer" to null,
        "steps" to 0,
        "seconds" to seconds,
        "left_out" to leftOut,
        "interrupted" to false,
        "resumed_from" to null,
        "discarded" to null,
    )

    private fun shown(one: TargetVerdict): Map<String, Any?> = mapOf(
        "target" to one.target,
        "before" to finite(one.before),
        "after" to finite(one.after),
        "own_mean" to finite(one.ownMean),
        "verdict" to one.verdict.name.lowercase(),
        "uncertainty" to finite(one.uncertainty),
        "effective_labels" to finite(one.effectiveLabels),
        "check" to finite(one.check),
    )

    private fun overAll(error: (TargetVerdict) -> Double): Double? {
        if (targets.isEmpty()) return null
        return finite(Math.sqrt(targets.sumOf { error(it) * error(it) } / targets.size))
    }

    private fun finite(value: Double): Double? = value.takeUnless { it.isNaN() || it.isInfinite() }
}

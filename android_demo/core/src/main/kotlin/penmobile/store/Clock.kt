package penmobile.store

internal const val DAY_S = 86_400.0
private const val MAX_STEP_S = 30 * DAY_S
private const val CONFIRM_S = 3 * DAY_S

/** First and last reading of a clock that jumped, Unix seconds. */
internal data class Doubt(val first: Double, val last: Double)

/**
 * What a store knows about time: a wrong clock must not delete anything.
 *
 * @property seenAt latest time that the store believes, Unix seconds.
 * @property doubt readings that are not believed; null when the clock agrees with the store.
 */
internal data class ClockState(val seenAt: Double, val doubt: Doubt? = null) {
    val believed: Boolean get() = doubt == null

    /** Return the state after a reading of the clock. */
    fun after(now: Double): ClockState {
        if (isOrdinary(seenAt, now)) return ClockState(maxOf(seenAt, now))
        if (now.isNaN() || now.isInfinite()) return copy(doubt = doubt ?: Doubt(seenAt, seenAt))
        if (doubt == null || !isOrdinary(doubt.last, now)) return copy(doubt = Doubt(now, now))
        val last = maxOf(doubt.last, now)
        return if (last - doubt.first >= CONFIRM_S) ClockState(now) else copy(doubt = doubt.copy(last = last))
    }

    private fun isOrdinary(before: Double, now: Double) = now >= before - DAY_S && now <= before + MAX_STEP_S
}

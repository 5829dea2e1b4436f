package penmobile.store

private const val SHARE = 0.2

/** Deletes samples beyond the limits, for one opening of a store: a share at most goes for its age each day. */
internal class Ageing(private val samples: Samples, private val options: StoreOptions) {
    private var day = Long.MIN_VALUE
    private var deleted = 0

    /** Delete what is too old or too many by the time that the store believes; return how many of each. */
    fun apply(clock: ClockState): Map<String, Int> {
        val records = samples.records()
        val order = records.keys.sortedWith(compareBy({ records.getValue(it).agedFrom }, { it }))
        val limit = clock.seenAt - options.days * DAY_S
        val old = if (clock.believed) order.filter { records.getValue(it).agedFrom < limit } else emptyList()
        val now = old.take(allowed(order.size, clock))
        deleted += now.size
        val rest = order.drop(now.size)
        val many = rest.take(maxOf(0, rest.size - options.samples))
        if (now.size + many.size > 0) samples.delete(now + many)
        val later = maxOf(0, old.size - now.size - many.size)
        return mapOf("too_old" to now.size, "too_many" to many.size, "left_for_later" to later).filterValues { it > 0 }
    }

    private fun allowed(count: Int, clock: ClockState): Int {
        val today = Math.floor(clock.seenAt / DAY_S).toLong()
        if (today != day) {
            day = today
            deleted = 0
        }
        return maxOf(0, maxOf(1, (SHARE * (count + deleted)).toInt()) - deleted)
    }
}

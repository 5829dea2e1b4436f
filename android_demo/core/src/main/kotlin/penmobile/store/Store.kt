package penmobile.store

import penmobile.PenException
import penmobile.Problem
import penmobile.bundle.Bundle
import penmobile.demand
import java.io.Closeable

/**
 * The personal store: labelled samples, head versions and a log in one file, each change whole or not at all.
 *
 * @param database an open file; it is made when it is empty.
 * @param bundle whose store it is.
 * @throws PenException not a store, of another backbone or other targets, damaged, or another key; nothing was changed.
 */
class Store(private val database: Database, bundle: Bundle, private val options: StoreOptions = StoreOptions()) : Closeable {
    private val rows = prepare(database, bundle.text(bundle.manifest.storeSchema), Binding.of(bundle), options)
    private val table = Samples(rows)
    private val heads = Heads(rows, options.clock)
    private val log = Events(rows, options.events, options.clock)
    private val ageing = Ageing(table, options)
    private val deletion = Deletion(rows)

    init {
        Rebinding(rows, heads, log).changeTo(Binding.of(bundle))
        if (deletion.finish()) log.note("erased", emptyMap())
    }

    /** Number of labelled samples. */
    val count: Int get() = rows.reading { database.number("SELECT count(*) FROM sample").toInt() }

    /**
     * Keep a labelled moment. The same feature labelled again gets the new label.
     *
     * @param feature `[D_z]`, finite.
     * @param labels `[K]`, each in -1..1.
     * @param capturedAt Unix seconds; null is now.
     * @throws PenException a label or a time is impossible; the log says so.
     */
    fun add(feature: FloatArray, labels: FloatArray, capturedAt: Double? = null, weight: Float = 1f, origin: String = "user") {
        val now = options.clock()
        val time = capturedAt ?: now
        val refusal = refusal(feature, labels, time, now)
        rows.writing {
            readClock(now)
            if (refusal != null) {
                log.note("labels-refused", mapOf("labels" to 1, "reason" to refusal))
            } else {
                table.write(feature, SampleRecord(time, agedFrom(time), weight, false, labels, origin))
                forget()
            }
        }
        if (refusal != null) throw PenException(Problem.BAD_INPUT, refusal)
    }

    /** Apply the limits of retention, and return all samples, oldest first. */
    fun samples(): List<Sample> = rows.writing {
        readClock(options.clock())
        forget()
        table.read()
    }

    /** The head in use. */
    fun active(): ActiveHead = heads.active()

    /** Return the head in use and its parameters; null is the bundle's initial head. */
    fun activeParameters(): Pair<ActiveHead, FloatArray?> = rows.reading { active().let { it to it.version?.let(heads::parameters) } }

    /**
     * Take a head into use; return its version.
     *
     * @param startedFrom the head in use when adapting began, which the new one was compared with.
     * @throws PenException another head is in use by now, or data were deleted.
     */
    fun accept(parameters: FloatArray, metrics: Map<String, Any?>, startedFrom: ActiveHead): Long {
        val version = rows.writing {
            heads.checkGeneration(startedFrom)
            if (heads.active() == startedFrom) {
                clearCheckpoint(rows)
                heads.record(parameters, metrics, startedFrom.version).also { heads.dropOld(options.heads) }
            } else {
                heads.record(null, metrics + mapOf("accepted" to false, "reason" to OVERTAKEN), startedFrom.version)
                null
            }
        }
        return version ?: throw PenException(Problem.OVERTAKEN, OVERTAKEN)
    }

    /** Note an attempt that was not accepted; the head in use stays. */
    fun reject(metrics: Map<String, Any?>, startedFrom: ActiveHead): Long = rows.writing {
        heads.checkGeneration(startedFrom)
        clearCheckpoint(rows)
        heads.record(null, metrics, startedFrom.version)
    }

    /** Take the head before the present one back into use; return its version, null for the bundle's own. */
    fun rollback(): Long? = rows.writing {
        val version = heads.active().version
        demand(version != null, Problem.BAD_INPUT) { "the bundle's initial head is in use; there is nothing to go back to" }
        heads.stepBack(version).also { log.note("rolled-back", mapOf("from" to version, "to" to it, "reason" to "asked for")) }
    }

    /** Return every adaptation, oldest first, accepted or not. */
    fun history(): List<HeadVersion> = heads.all()

    /** Write all data, not encrypted, as an archive of files that any tool reads. */
    fun export(out: java.io.OutputStream) {
        DataExport(rows, table, heads, log).write(out, options.clock())
        log.note("exported", mapOf("samples" to count))
    }

    /** Delete all personal data, and read the files to prove that no byte of them is left. */
    fun deleteAll() {
        val gone = rows.reading { mapOf("samples" to count, "heads" to heads.all().size) }
        deletion.deleteAll()
        log.note("erased", gone)
    }

    override fun close() = database.close()

    private fun readClock(now: Double) {
        val before = rows.clock
        val clock = before.after(now)
        if (before.believed && !clock.believed) log.note("clock-doubted", mapOf("clock" to now.toString(), "store" to before.seenAt))
        rows.clock = clock
    }

    private fun forget() {
        val gone = ageing.apply(rows.clock)
        if ("too_old" in gone || "too_many" in gone) log.note("forgotten", gone)
    }

    private fun agedFrom(time: Double): Double {
        val seen = rows.clock.seenAt
        return if (time >= seen - options.days * DAY_S && time <= seen + DAY_S) time else seen
    }

    private fun refusal(feature: FloatArray, labels: FloatArray, time: Double, now: Double): String? {
        val (size, targets) = rows.reading { rows.binding["feature_size"] to rows.targetCount }
        return when {
            feature.size.toLong() != size -> "the feature has ${feature.size} numbers, this store takes $size"
            labels.size != targets -> "${labels.size} labels, this store takes $targets"
            labels.any { !(it >= -1 && it <= 1) } -> "label ${labels.toList()}: each must lie in -1..1"
            feature.any { it.isNaN() || it.isInfinite() } -> "the feature holds NaN or infinity"
            !(time >= 0 && time <= now + DAY_S) -> "the capture time $time is impossible; give Unix seconds"
            time < now - options.days * DAY_S -> "the capture time is older than ${options.days} days, which are not kept"
            else -> null
        }
    }

    private companion object {
        const val OVERTAKEN = "another head came into use while this one was trained, and was not compared with it; adapt again"
    }
}

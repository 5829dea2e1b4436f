package penmobile.store

import penmobile.PenException
import penmobile.Problem
import penmobile.demand

private const val COLUMNS = "version, parent, status, record"
private const val INSERT = "INSERT INTO head_version (version, parent, status, record, parameters) VALUES (?, ?, ?, ?, ?)"
private const val CHANGE = "UPDATE head_version SET status = ?, record = ?, parameters = ? WHERE version = ?"
private const val OLD = """
    SELECT version FROM head_version WHERE status = 'superseded' AND parameters IS NOT NULL
        AND version NOT IN (SELECT parent FROM head_version WHERE status = 'active' AND parent IS NOT NULL)
        AND version IN
            (SELECT version FROM head_version WHERE parameters IS NOT NULL ORDER BY version DESC LIMIT -1 OFFSET ?)
"""

/**
 * The head in use.
 *
 * @property generation grows when data are deleted and when the bundle changes.
 * @property version of the head; null is the bundle's initial head.
 */
data class ActiveHead(val generation: Long, val version: Long?)

/**
 * One attempt to adapt.
 *
 * @property version 1 and up, [parent] the version that was in use; null is the bundle's initial head.
 * @property status `active`, `superseded` or `rejected`.
 * @property createdAt Unix seconds.
 * @property bytes size of the parameters; null: they are not kept.
 * @property metrics what was measured.
 */
data class HeadVersion(
    val version: Long,
    val parent: Long?,
    val status: String,
    val strategy: String?,
    val createdAt: Double,
    val bytes: Int?,
    val metrics: Map<*, *>,
)

/** The head versions of one store. */
internal class Heads(private val rows: Rows, private val now: () -> Double) {
    private val blobs = Blobs(rows, "parameters")

    fun active(): ActiveHead = rows.reading {
        val found = rows.database.query("SELECT version FROM head_version WHERE status = 'active'").firstOrNull()
        ActiveHead(rows.binding["generation"] as Long, found?.get(0) as Long?)
    }

    /** Return the parameters of a version, `[n_s (1 + K), D_z + 1]`. */
    fun parameters(version: Long): FloatArray = rows.reading {
        val head = one(version)
        demand(head.bytes != null, Problem.BAD_INPUT) { "head version $version is no longer kept" }
        val first = rows.database.query("SELECT parameters FROM head_version WHERE version = ?", version)[0][0]
        floatsOf(blobs.read(version, first, head.bytes, version))
    }

    /** Write one attempt; with [parameters] it comes into use. Return its version. */
    fun record(parameters: FloatArray?, metrics: Map<String, Any?>, parent: Long?): Long = rows.writing {
        if (parameters != null) supersede()
        val version = rows.database.number("SELECT coalesce(max(version), 0) + 1 FROM head_version")
        val blob = parameters?.let(::bytesOf)
        val status = if (blob == null) "rejected" else "active"
        val record = sealed(HeadVersion(version, parent, status, "prior", now(), blob?.size, metrics))
        rows.database.execute(INSERT, version, parent, status, record, blob?.let { blobs.write(version, it, version) })
        rows.recordChange("head_version", version, record)
        version
    }

    /** Take the bundle's initial head into use. */
    fun supersede() = rows.writing { active().version?.let { change(it, "superseded") } }

    /** Take the parent of the version in use back into use; return its version, null for the initial head. */
    fun stepBack(version: Long): Long? = rows.writing {
        val parent = one(version).parent
        parent?.let(::parameters) // they must be whole
        supersede()
        parent?.let { change(it, "active") }
        parent
    }

    /** Delete the parameters of old versions; [keep] of them stay, and the active one's parent. */
    fun dropOld(keep: Int) = rows.writing { rows.database.query(OLD, keep.toLong()).forEach { (version) -> drop(version as Long) } }

    /** Return every attempt, oldest first. */
    fun all(): List<HeadVersion> = rows.reading {
        rows.database.query("SELECT $COLUMNS FROM head_version ORDER BY version").map(::opened)
    }

    /** Check that no data were deleted since an adaptation started. */
    fun checkGeneration(startedFrom: ActiveHead) = demand(active().generation == startedFrom.generation, Problem.OVERTAKEN) {
        "data were deleted, or the bundle was changed, while this head was trained; nothing of it is kept"
    }

    fun one(version: Long): HeadVersion = rows.reading {
        val found = rows.database.query("SELECT $COLUMNS FROM head_version WHERE version = ?", version).firstOrNull()
        opened(found ?: throw PenException(Problem.STORE_DAMAGED, "head version $version is missing"))
    }

    private fun opened(row: List<Any?>): HeadVersion {
        val (version, parent, status, record) = row
        val values = rows.json(rows.open(record, "head_version", version, parent, status), "head version $version")
        val createdAt = values["created_at"] as? Number ?: throw rows.damaged("head version $version")
        val metrics = values["metrics"] as? Map<*, *> ?: throw rows.damaged("head version $version")
        val bytes = (values["bytes"] as Long?)?.toInt()
        return HeadVersion(
            version as Long, parent as Long?, status as String, values["strategy"] as String?, createdAt.toDouble(), bytes, metrics,
        )
    }

    private fun sealed(head: HeadVersion): ByteArray {
        val values = mapOf("strategy" to head.strategy, "created_at" to head.createdAt, "bytes" to head.bytes, "metrics" to head.metrics)
        return rows.seal(rows.record(values), "head_version", head.version, head.parent, head.status)
    }

    private fun drop(version: Long) {
        change(version, one(version).status, keepParameters = false)
        blobs.delete(version)
    }

    private fun change(version: Long, status: String, keepParameters: Boolean = true) {
        val head = one(version)
        val (old, first) = rows.database.query("SELECT record, parameters FROM head_version WHERE version = ?", version)[0]
        val record = sealed(head.copy(status = status, bytes = head.bytes.takeIf { keepParameters }))
        rows.database.execute(CHANGE, status, record, first.takeIf { keepParameters }, version)
        rows.recordChange("head_version", version, record, old as ByteArray)
    }
}

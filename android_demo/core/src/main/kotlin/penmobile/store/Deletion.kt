package penmobile.store

import penmobile.Problem
import penmobile.demand
import java.io.File

private const val SLICE = 16
private const val STRIDE = 512
private const val DISTINCT = 8 // a slice of fewer different bytes proves nothing: zeros are everywhere
private val BLOBS = listOf(
    "SELECT record FROM sample", "SELECT feature FROM sample", "SELECT record FROM head_version",
    "SELECT parameters FROM head_version WHERE parameters IS NOT NULL", "SELECT record FROM event", "SELECT content FROM piece",
    "SELECT record FROM checkpoint", "SELECT content FROM checkpoint",
)

/** Deletes everything in a store but its binding, and reads the files to prove it. */
internal class Deletion(private val rows: Rows) {
    private val database get() = rows.database

    /** @throws penmobile.PenException another process reads the store, or bytes are left. */
    fun deleteAll() {
        val traces = rows.writing {
            val found = BLOBS.flatMap { query -> database.query(query).flatMap { slices(it[0] as ByteArray) } }.toHashSet()
            (TABLES + "piece").forEach { database.execute("DELETE FROM $it") }
            rows.renew()
            found
        }
        demand(scrub(traces), Problem.BUSY) { "everything is deleted, but another process holds the store's log; delete again" }
    }

    /** Finish a deletion that was interrupted; return whether there was one and no other process reads the store. */
    fun finish(): Boolean = rows.reading { rows.binding["deleting"] == 1L } && scrub(emptySet())

    private fun scrub(traces: Set<String>): Boolean {
        database.execute("VACUUM")
        val busy = database.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        if (busy != 0L) return false
        for (end in listOf("", "-wal", "-shm", "-journal")) {
            val file = File(database.file.path + end)
            val left = file.exists() && traces.isNotEmpty() && holds(file.readBytes(), traces)
            demand(!left, Problem.STORE_DAMAGED) { "$file still holds bytes of what was deleted; delete the file itself" }
        }
        rows.writing { rows.binding["deleting"] = 0L }
        return true
    }

    private fun slices(blob: ByteArray): List<String> =
        ((0 until blob.size - SLICE step STRIDE) + (blob.size - SLICE)).map { slice(blob, it) }.filter { it.toSet().size >= DISTINCT }

    private fun holds(content: ByteArray, traces: Set<String>) = (0..content.size - SLICE).any { slice(content, it) in traces }

    private fun slice(blob: ByteArray, at: Int) = String(blob, at, SLICE, Charsets.ISO_8859_1)
}

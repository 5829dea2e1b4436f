package penmobile.store

private const val OLD = "SELECT id, record FROM event ORDER BY id DESC LIMIT -1 OFFSET ?"

/** The log of one store, of [limit] entries at most. */
internal class Events(private val rows: Rows, private val limit: Int, private val now: () -> Double) {
    fun note(kind: String, detail: Map<String, Any?>) = rows.writing {
        val row = rows.database.number("SELECT coalesce(max(id), 0) + 1 FROM event")
        val record = rows.seal(rows.record(mapOf("at" to now(), "kind" to kind, "detail" to detail)), "event", row)
        rows.database.execute("INSERT INTO event (id, record) VALUES (?, ?)", row, record)
        rows.recordChange("event", row, record)
        for ((old, stored) in rows.database.query(OLD, limit.toLong())) {
            rows.recordChange("event", old as Long, stored as ByteArray)
            rows.database.execute("DELETE FROM event WHERE id = ?", old)
        }
    }

    /** Return every entry, oldest first: `at` in Unix seconds, `kind` and `detail`. */
    fun all(): List<Map<*, *>> = rows.reading {
        rows.database.query("SELECT id, record FROM event ORDER BY id").map { (row, record) ->
            rows.json(rows.open(record, "event", row), "event $row")
        }
    }
}

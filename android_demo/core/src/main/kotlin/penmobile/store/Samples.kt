package penmobile.store

private const val INSERT = "INSERT INTO sample (id, moment, record, feature) VALUES (?, ?, ?, ?)"

/**
 * A labelled moment.
 *
 * @property feature `[D_z]`.
 * @property labels `[K]`.
 * @property weight above 0.
 * @property capturedAt Unix seconds.
 */
class Sample(val feature: FloatArray, val labels: FloatArray, val weight: Float, val capturedAt: Double)

/** The labelled samples of one store. */
internal class Samples(private val rows: Rows) {
    private val blobs = Blobs(rows, "feature")

    /** Write one sample, or its new record when its feature is there already. */
    fun write(feature: FloatArray, record: SampleRecord) = rows.writing {
        val blob = bytesOf(feature)
        val moment = rows.digest(blob)
        val found = rows.database.query("SELECT id, record FROM sample WHERE moment = ?", moment).firstOrNull()
        if (found == null) insert(moment, blob, record) else update(found[0] as Long, found[1] as ByteArray, moment, record)
    }

    private fun insert(moment: String, blob: ByteArray, record: SampleRecord) {
        val row = rows.database.number("SELECT coalesce(max(id), 0) + 1 FROM sample")
        val sealed = rows.seal(record.toBytes(), "sample", row, moment)
        rows.database.execute(INSERT, row, moment, sealed, blobs.write(row, blob, row, moment))
        rows.recordChange("sample", row, sealed)
    }

    private fun update(row: Long, old: ByteArray, moment: String, record: SampleRecord) {
        val half = opened(row, moment, old).half
        val renewed = SampleRecord(record.capturedAt, record.agedFrom, record.weight, half, record.labels, record.origin)
        val sealed = rows.seal(renewed.toBytes(), "sample", row, moment)
        rows.database.execute("UPDATE sample SET record = ? WHERE id = ?", sealed, row)
        rows.recordChange("sample", row, sealed, old)
    }

    /** Return the record of every sample by its row. */
    fun records(): Map<Long, SampleRecord> = rows.reading {
        rows.database.query("SELECT id, moment, record FROM sample")
            .associate { (row, moment, record) -> row as Long to opened(row, moment as String, record) }
    }

    /** Return all samples, oldest capture first. */
    fun read(): List<Sample> = rows.reading {
        rows.database.query("SELECT id, moment, record, feature FROM sample").map { (row, moment, stored, first) ->
            val record = opened(row as Long, moment as String, stored)
            row to Sample(feature(row, moment, record, first), record.labels, record.weight, record.capturedAt)
        }.sortedWith(compareBy({ it.second.capturedAt }, { it.first })).map { it.second }
    }

    /** Delete samples by their rows. */
    fun delete(ids: Collection<Long>) = rows.writing {
        for (row in ids) {
            val record = rows.database.query("SELECT record FROM sample WHERE id = ?", row)[0][0] as ByteArray
            rows.recordChange("sample", row, record)
            rows.database.execute("DELETE FROM sample WHERE id = ?", row)
            blobs.delete(row)
        }
    }

    private fun opened(row: Long, moment: String, stored: Any?): SampleRecord =
        SampleRecord.of(rows.open(stored, "sample", row, moment), rows.targetCount) ?: throw rows.damaged("sample $row")

    private fun feature(row: Long, moment: String, record: SampleRecord, first: Any?): FloatArray {
        val size = (rows.binding["feature_size"] as Long).toInt()
        val blob = blobs.read(row, first, size * (if (record.half) 2 else 4), row, moment)
        if (!record.half) return floatsOf(blob)
        return FloatArray(size) { halfToFloat((blob[2 * it].toInt() and 0xff) or ((blob[2 * it + 1].toInt() and 0xff) shl 8)) }
    }
}

package penmobile.store

private const val PIECE_BYTES = 1 shl 20
private const val INSERT = "INSERT INTO piece (kind, row_id, number, content) VALUES (?, ?, ?, ?)"
private const val FOLLOWING = "SELECT number, content FROM piece WHERE kind = ? AND row_id = ? ORDER BY number"

/**
 * Long blobs of one kind: the first mebibyte stands in the row they belong to, what follows in rows of its own. Android
 * reads a row through a window of 2 MB.
 */
internal class Blobs(private val rows: Rows, private val kind: String) {
    /**
     * Write what follows the first piece, and return the first piece for its row.
     *
     * @param row of the table that the blob belongs to.
     * @param fields what the blob is bound to.
     */
    fun write(row: Long, blob: ByteArray, vararg fields: Any?): ByteArray {
        val count = count(blob.size)
        val sealed = List(count) { number ->
            val piece = blob.copyOfRange(number * PIECE_BYTES, minOf(blob.size, (number + 1) * PIECE_BYTES))
            rows.seal(piece, kind, *fields, number, count)
        }
        sealed.drop(1).forEachIndexed { at, piece -> rows.database.execute(INSERT, kind, row, at + 1L, piece) }
        return sealed[0]
    }

    /**
     * Return a blob of [size] bytes.
     *
     * @param first piece, as it stands in the row.
     * @throws penmobile.PenException a piece is missing, damaged, or another one's.
     */
    fun read(row: Long, first: Any?, size: Int, vararg fields: Any?): ByteArray {
        val count = count(size)
        var blob = rows.open(first, kind, *fields, 0, count)
        if (count > 1) {
            val found = rows.database.query(FOLLOWING, kind, row)
            if (found.map { it[0] } != List(count - 1) { it + 1L }) throw rows.damaged("$kind $row")
            for ((number, piece) in found) blob += rows.open(piece, kind, *fields, number, count)
        }
        return if (blob.size == size) blob else throw rows.damaged("$kind $row")
    }

    /** Delete what follows the first piece of a row. */
    fun delete(row: Long) = rows.database.execute("DELETE FROM piece WHERE kind = ? AND row_id = ?", kind, row)

    private fun count(size: Int) = maxOf(1, (size + PIECE_BYTES - 1) / PIECE_BYTES)
}

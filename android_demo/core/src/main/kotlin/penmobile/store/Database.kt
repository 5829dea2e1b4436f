package penmobile.store

import penmobile.Problem
import java.io.Closeable
import java.io.File

/** One SQLite file, behind the few calls that Android's own classes and JDBC both have. */
interface Database : Closeable {
    /** The file. */
    val file: File

    /** Whether a transaction is open. */
    val inTransaction: Boolean

    /**
     * Run one statement that returns no rows.
     *
     * @param values for its question marks: [Long], [Double], [String], [ByteArray] or null.
     * @throws penmobile.PenException SQLite refused.
     */
    fun execute(sql: String, vararg values: Any?)

    /** Return all rows of a query or pragma: [Long], [Double], [String], [ByteArray] or null in every column. */
    fun query(sql: String, vararg values: Any?): List<List<Any?>>

    /** Begin a transaction; other writers wait for the end of one that [writes]. */
    fun begin(writes: Boolean)

    /** End the transaction, with everything done. */
    fun commit()

    /** End the transaction, with nothing done. */
    fun rollback()
}

/** The one integer that a query gives. */
internal fun Database.number(sql: String, vararg values: Any?): Long = query(sql, *values)[0][0] as Long

/** Do all of a block or nothing. */
internal inline fun <T> Database.transaction(writes: Boolean = true, block: () -> T): T {
    begin(writes)
    try {
        return block().also { commit() }
    } finally {
        if (inTransaction) rollback()
    }
}

/** Return what a message of SQLite means for the store. */
fun problemOf(message: String?): Problem {
    val text = message.orEmpty()
    return when {
        listOf("locked", "busy").any { it in text } -> Problem.BUSY
        listOf("full", "disk I/O", "readonly", "unable to open").any { it in text } -> Problem.DISK
        "not a database" in text -> Problem.NOT_A_STORE
        else -> Problem.STORE_DAMAGED
    }
}

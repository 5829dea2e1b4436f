package penmobile.jvm

import penmobile.PenException
import penmobile.store.Database
import penmobile.store.problemOf
import java.io.File
import java.sql.Connection
import java.sql.DriverManager
import java.sql.PreparedStatement
import java.sql.SQLException

/** SQLite through JDBC. */
class JdbcDatabase(override val file: File) : Database {
    private val connection: Connection = explained { DriverManager.getConnection("jdbc:sqlite:${file.path}") }

    override var inTransaction = false
        private set

    override fun execute(sql: String, vararg values: Any?) = prepared(sql, values) { it.execute() }.let { }

    override fun query(sql: String, vararg values: Any?): List<List<Any?>> = prepared(sql, values) { statement ->
        if (!statement.execute()) return@prepared emptyList()
        val result = statement.resultSet
        val found = mutableListOf<List<Any?>>()
        while (result.next()) found += List(result.metaData.columnCount) { plain(result.getObject(it + 1)) }
        found
    }

    override fun begin(writes: Boolean) {
        execute(if (writes) "BEGIN IMMEDIATE" else "BEGIN DEFERRED")
        inTransaction = true
    }

    override fun commit() {
        execute("COMMIT")
        inTransaction = false
    }

    override fun rollback() {
        inTransaction = false
        try {
            execute("ROLLBACK")
        } catch (error: PenException) {
            System.err.println(error.message) // a full disk makes SQLite roll back by itself
        }
    }

    override fun close() = connection.close()

    private fun <T> prepared(sql: String, values: Array<out Any?>, use: (PreparedStatement) -> T): T = explained {
        connection.prepareStatement(sql).use { statement ->
            values.forEachIndexed { at, value -> statement.setObject(at + 1, value) }
            use(statement)
        }
    }

    private fun plain(value: Any?): Any? = if (value is Int) value.toLong() else value

    private inline fun <T> explained(call: () -> T): T = try {
        call()
    } catch (error: SQLException) {
        throw PenException(problemOf(error.message), "$file: ${error.message}", error)
    }
}

package penmobile.store

import penmobile.Problem
import penmobile.demand

internal const val SCHEMA_VERSION = 4L
private const val OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_master"
private const val ANDROID = "CREATE TABLE android_metadata (locale TEXT)"
private val COMMENT = Regex("--[^\n]*")
private val BLANKS = Regex("\\s+")

/**
 * The SQL of a bundle, and what a file may hold before anything in it is run.
 *
 * @param script `personal_store.sql`.
 */
internal class Schema(script: String) {
    private val statements = script.replace(COMMENT, " ").split(';').map(::plain).filter { it.isNotEmpty() }

    /** Return whether a file holds no table and no version. */
    fun isEmpty(database: Database): Boolean =
        database.query(OBJECTS).all { it[1] == "android_metadata" } && database.number("PRAGMA user_version") == 0L

    /** Make the tables, inside a transaction. */
    fun create(database: Database) = statements.forEach { database.execute(it) }

    /**
     * Compare every object of a file with the SQL; nothing in the file is run.
     *
     * @throws penmobile.PenException a newer release made it, it is no store, or it holds anything else.
     */
    fun check(database: Database) {
        val version = database.number("PRAGMA user_version")
        demand(version <= SCHEMA_VERSION, Problem.STORE_NEWER) { "${database.file} has schema $version: a newer release made it" }
        demand(version == SCHEMA_VERSION, Problem.NOT_A_STORE) { "${database.file} is no personal store of schema $SCHEMA_VERSION" }
        val found = database.query(OBJECTS).filterNot { (type, name, table, sql) ->
            sql == null && type == "index" && (name as String).startsWith("sqlite_autoindex_${table}_")
        }.map { plain((it[3] as? String).orEmpty().replace(COMMENT, " ")) }.filterNot { it == ANDROID }
        val expected = statements.filter { it.startsWith("CREATE") }
        demand(found.sorted() == expected.sorted(), Problem.NOT_A_STORE) { "${database.file} holds other tables than a personal store" }
    }

    private fun plain(sql: String) = sql.trim().replace(BLANKS, " ")
}

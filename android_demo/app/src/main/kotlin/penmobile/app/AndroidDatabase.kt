package penmobile.app

import android.database.Cursor
import android.database.sqlite.SQLiteDatabase
import android.database.sqlite.SQLiteException
import android.util.Log
import penmobile.PenException
import penmobile.Problem
import penmobile.store.Database
import penmobile.store.problemOf
import java.io.File

/**
 * SQLite through Android's own classes, from Android 8.0 on.
 *
 * `SQLiteOpenHelper` is not used: it writes `user_version` itself.
 */
class AndroidDatabase(override val file: File) : Database {
    private val database: SQLiteDatabase = explained {
        val flags = SQLiteDatabase.CREATE_IF_NECESSARY or SQLiteDatabase.NO_LOCALIZED_COLLATORS
        SQLiteDatabase.openDatabase(file.path, null, flags) { damaged ->
            damaged.close() // Android's own handler deletes the file
        }
    }

    override val inTransaction: Boolean get() = database.isOpen && database.inTransaction()

    override fun execute(sql: String, vararg values: Any?) = explained { database.execSQL(sql, values) }

    override fun query(sql: String, vararg values: Any?): List<List<Any?>> = explained {
        val factory = SQLiteDatabase.CursorFactory { _, driver, table, query ->
            values.forEachIndexed { at, value -> bind(query, at + 1, value) }
            android.database.sqlite.SQLiteCursor(driver, table, query)
        }
        database.rawQueryWithFactory(factory, sql, null, null).use { cursor ->
            List(cursor.count) { row ->
                cursor.moveToPosition(row)
                List(cursor.columnCount) { column(cursor, it) }
            }
        }
    }

    /** Android has no transaction that only reads; this one lets other readers go on. */
    override fun begin(writes: Boolean) = explained { database.beginTransactionNonExclusive() }

    override fun commit() = explained {
        database.setTransactionSuccessful()
        database.endTransaction()
    }

    /** Where a full disk made SQLite roll back by itself, there is nothing left to do, and the first error is the one to tell. */
    override fun rollback() {
        try {
            database.endTransaction()
        } catch (error: SQLiteException) {
            Log.w("penmobile", error.message, error)
        }
    }

    override fun close() = database.close()

    private fun bind(query: android.database.sqlite.SQLiteQuery, at: Int, value: Any?) = when (value) {
        null -> query.bindNull(at)
        is ByteArray -> query.bindBlob(at, value)
        is Double -> query.bindDouble(at, value)
        is Long -> query.bindLong(at, value)
        else -> query.bindString(at, value.toString())
    }

    private fun column(cursor: Cursor, at: Int): Any? = when (cursor.getType(at)) {
        Cursor.FIELD_TYPE_NULL -> null
        Cursor.FIELD_TYPE_INTEGER -> cursor.getLong(at)
        Cursor.FIELD_TYPE_FLOAT -> cursor.getDouble(at)
        Cursor.FIELD_TYPE_BLOB -> cursor.getBlob(at)
        else -> cursor.getString(at)
    }

    private inline fun <T> explained(call: () -> T): T = try {
        call()
    } catch (error: SQLiteException) {
        throw PenException(problemOf(error.message), "${file.name}: ${error.message}", error)
    } catch (error: IllegalStateException) { // damaged: Android has closed it
        throw PenException(Problem.STORE_DAMAGED, "${file.name}: ${error.message}", error)
    }
}

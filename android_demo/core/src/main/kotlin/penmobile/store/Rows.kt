package penmobile.store

import penmobile.PenException
import penmobile.Problem
import penmobile.bundle.hex
import penmobile.bundle.jsonText
import penmobile.bundle.parseJson
import penmobile.demand
import java.math.BigInteger
import java.security.SecureRandom

internal const val DAMAGED = "nothing was changed; put a copy back, or move it away and start anew"
private const val SEEN_EVERY_S = 3600.0
private const val MAX_RECORD = 256 shl 10
private val COLUMNS = listOf(
    "store_id", "key_check", "backbone", "feature_size", "targets", "head_bytes", "head", "model", "serial",
    "generation", "deleting", "state",
)
private val STATE_FIELDS = COLUMNS - setOf("store_id", "key_check", "state")
private val UPDATE = "UPDATE bundle_binding SET ${COLUMNS.joinToString { "$it = ?" }}"
private val INSERT = "INSERT INTO bundle_binding (only, ${COLUMNS.joinToString()}) VALUES (1${", ?".repeat(COLUMNS.size)})"
private val ID_OF = mapOf("sample" to "id", "head_version" to "version", "checkpoint" to "only", "event" to "id")

/** Tables whose rows are the user's data. */
internal val TABLES = ID_OF.keys

/** The clock that a store believes, and the exclusive or of the hashes of all rows. */
internal data class StoreState(val clock: ClockState, val rows: BigInteger)

/**
 * The tables of an open store, behind one cipher. Every access lies in [reading] or [writing]; both load the binding
 * first, and a block inside another one is part of it.
 */
internal class Rows(val database: Database, private val cipher: BlobCipher) {
    private var columns: MutableMap<String, Any?> = mutableMapOf()
    private var state: StoreState? = null

    /** Columns of `bundle_binding`; a change inside [writing] is stored with it. */
    val binding: MutableMap<String, Any?> get() = columns

    val targetCount: Int get() = (parseJson(columns["targets"] as String) as List<*>).size

    var clock: ClockState
        get() = state?.clock ?: ClockState(0.0)
        set(value) {
            val old = state ?: return
            val moved = value.doubt != old.clock.doubt || Math.abs(value.seenAt - old.clock.seenAt) >= SEEN_EVERY_S
            if (moved) state = old.copy(clock = value)
        }

    fun <T> reading(block: () -> T): T = within(writes = false, block)

    /** Do all of the block or nothing; other processes do not write meanwhile. */
    fun <T> writing(block: () -> T): T = within(writes = true) {
        val before = columns.toMap() to state
        block().also { if (before != columns.toMap() to state) save() }
    }

    private fun <T> within(writes: Boolean, block: () -> T): T {
        if (database.inTransaction) return block()
        return database.transaction(writes) {
            load()
            block()
        }
    }

    /** Write binding and state of a store that has no rows yet, inside a transaction. */
    fun create(bundle: Map<String, Any?>, now: Double) {
        columns = (COLUMNS.associateWith { null } + bundle).toMutableMap()
        columns.putAll(mapOf("store_id" to randomId(), "key_check" to cipher.keyCheck(), "generation" to 1L, "deleting" to 0L))
        state = StoreState(ClockState(now), BigInteger.ZERO)
        columns["state"] = sealedState()
        database.execute(INSERT, *COLUMNS.map { columns[it] }.toTypedArray())
    }

    /** Start anew after a deletion: what was sealed before belongs to another store. */
    fun renew() {
        columns.putAll(mapOf("store_id" to randomId(), "generation" to (columns["generation"] as Long) + 1, "deleting" to 1L))
        state = state?.copy(rows = BigInteger.ZERO)
    }

    /** Write a state where a deletion without the key left none. */
    fun beginAnew(now: Double) {
        if (state == null) writing { state = StoreState(ClockState(now), BigInteger.ZERO) }
    }

    private fun load() {
        val row = database.query("SELECT ${COLUMNS.joinToString()} FROM bundle_binding").firstOrNull()
        demand(row != null, Problem.NOT_A_STORE) { "${database.file} does not say to which bundle it belongs" }
        columns = COLUMNS.zip(row).toMap().toMutableMap()
        state = openedState()
    }

    private fun save() {
        if (state != null) columns["state"] = sealedState()
        database.execute(UPDATE, *COLUMNS.map { columns[it] }.toTypedArray())
    }

    private fun place(kind: String, vararg fields: Any?): ByteArray =
        (listOf("pen-mobile store 4", columns["store_id"], kind) + fields).joinToString("\n") { it?.toString() ?: "" }.toByteArray()

    fun seal(blob: ByteArray, kind: String, vararg fields: Any?): ByteArray = cipher.seal(blob, place(kind, *fields))

    fun open(stored: Any?, kind: String, vararg fields: Any?): ByteArray =
        (stored as? ByteArray)?.let { cipher.open(it, place(kind, *fields)) } ?: throw damaged("$kind ${fields.firstOrNull() ?: ""}")

    fun digest(blob: ByteArray): String = cipher.digest((columns["store_id"] as String).toByteArray() + blob)

    /** Note that stored records of a row came or went; a row that is replaced names the old and the new one. */
    fun recordChange(table: String, row: Long, vararg records: ByteArray) {
        val old = state ?: return
        state = old.copy(rows = records.fold(old.rows) { all, record -> all.xor(hash(table, row, tag(record))) })
    }

    /** Compare all rows with the state. */
    fun checkRows() {
        var found = BigInteger.ZERO
        for ((table, id) in ID_OF) {
            for ((row, tag) in database.query("SELECT $id, substr(record, -$TAG_BYTES) FROM $table")) {
                found = found.xor(hash(table, row as Long, tag as? ByteArray ?: throw damaged("$table $row")))
            }
        }
        val expected = state?.rows ?: BigInteger.ZERO
        demand(found == expected, Problem.STORE_DAMAGED) { "${database.file}: rows were changed, deleted or put back; $DAMAGED" }
    }

    /** Return the JSON object of a record. */
    fun json(blob: ByteArray, name: String): Map<*, *> = try {
        parseJson(blob) as? Map<*, *>
    } catch (error: IllegalArgumentException) {
        throw PenException(Problem.STORE_DAMAGED, damaged(name).message.orEmpty(), error)
    } ?: throw damaged(name)

    /** Return a record as bytes of JSON. */
    fun record(values: Map<String, Any?>): ByteArray = jsonText(values).toByteArray().also {
        demand(it.size <= MAX_RECORD, Problem.BAD_INPUT) { "a record of ${it.size} bytes is too long" }
    }

    fun damaged(name: String) = PenException(
        Problem.STORE_DAMAGED,
        "${database.file}: $name is damaged, or was made for another row, store or key",
    )

    private fun sealedState(): ByteArray? = state?.let {
        val doubt = it.clock.doubt?.let { doubt -> listOf(doubt.first, doubt.last) }
        val values = mapOf("seen_at" to it.clock.seenAt, "doubt" to doubt, "rows" to it.rows.toString(16).padStart(64, '0'))
        seal(jsonText(values).toByteArray(), "state", *stateFields())
    }

    private fun openedState(): StoreState? {
        if (columns["state"] == null && columns["key_check"] != null) return null
        val values = json(open(columns["state"], "state", *stateFields()), "its state")
        val doubt = (values["doubt"] as? List<*>)?.map { (it as Number).toDouble() }
        val clock = ClockState((values["seen_at"] as Number).toDouble(), doubt?.let { Doubt(it[0], it[1]) })
        return StoreState(clock, BigInteger(values["rows"] as String, 16))
    }

    private fun stateFields() = STATE_FIELDS.map { columns[it] }.toTypedArray()

    private fun hash(table: String, row: Long, tag: ByteArray) = BigInteger(1, cipher.rowHash("$table\n$row\n".toByteArray() + tag))

    private fun tag(record: ByteArray) = record.copyOfRange(record.size - TAG_BYTES, record.size)
}

/** 32 random hexadecimal digits. */
internal fun randomId(): String = ByteArray(16).also(SecureRandom()::nextBytes).hex()

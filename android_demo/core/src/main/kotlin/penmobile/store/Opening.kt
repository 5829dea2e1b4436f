package penmobile.store

import penmobile.Problem
import penmobile.demand

private val PRAGMAS = listOf(
    "trusted_schema = OFF", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON", "temp_store = MEMORY",
)

/**
 * Make a store, or check that a file is one, with this key, of this backbone and these targets.
 *
 * @param sql of the bundle.
 * @return its tables.
 * @throws penmobile.PenException not a store, of another backbone or other targets, damaged, or another key; nothing was changed.
 */
internal fun prepare(database: Database, sql: String, binding: Binding, options: StoreOptions): Rows {
    PRAGMAS.forEach { database.query("PRAGMA $it") }
    val schema = Schema(sql)
    if (schema.isEmpty(database)) create(database, schema, binding, options)
    schema.check(database)
    val (backbone, size, targets, keyCheck) =
        database.query("SELECT backbone, feature_size, targets, key_check FROM bundle_binding").firstOrNull() ?: listOf("", 0L, "", null)
    demand(size == binding.featureSize && (backbone == binding.backbone || backbone == binding.program), Problem.OTHER_BACKBONE) {
        "${database.file} was made with another backbone, to which its features mean nothing"
    }
    demand(targets == binding.targets, Problem.OTHER_BACKBONE) {
        "${database.file} holds labels of $targets; this bundle's targets are ${binding.targets}"
    }
    val rows = Rows(database, matchingCipher(options.key, keyCheck as ByteArray?))
    val integrity = database.query("PRAGMA integrity_check(1)")[0][0]
    demand(integrity == "ok" && database.query("PRAGMA foreign_key_check").isEmpty(), Problem.STORE_DAMAGED) {
        "${database.file} is damaged ($integrity); $DAMAGED"
    }
    database.query("PRAGMA journal_mode = WAL")
    rows.reading { rows.checkRows() }
    rows.beginAnew(options.clock())
    return rows
}

private fun create(database: Database, schema: Schema, binding: Binding, options: StoreOptions) {
    val cipher = options.key?.let(::AesGcm) ?: Plaintext
    database.query("PRAGMA journal_mode = WAL")
    database.transaction {
        if (!schema.isEmpty(database)) return // another process was faster
        schema.create(database)
        Rows(database, cipher).create(binding.columns(), options.clock())
    }
}

/** Columns of the table `bundle_binding`, by name. */
internal fun Binding.columns(): Map<String, Any?> = mapOf(
    "backbone" to backbone, "feature_size" to featureSize, "targets" to targets, "head_bytes" to headBytes, "head" to head,
    "model" to model, "serial" to serial,
)

package penmobile.store

import penmobile.Problem
import penmobile.demand

/** Binds a store to another bundle of its backbone and targets, in one transaction. */
internal class Rebinding(private val rows: Rows, private val heads: Heads, private val events: Events) {
    /** @throws penmobile.PenException the store has seen a newer bundle of this model. */
    fun changeTo(binding: Binding) = rows.writing {
        val row = rows.binding
        if (binding.columns().all { (name, value) -> row[name] == value }) return@writing
        val model = row["model"] as String
        val older = model.isNotEmpty() && (binding.model.isEmpty() || binding.model == model) && binding.serial < row["serial"] as Long
        demand(!older, Problem.BUNDLE_OLDER) { "the store was used with a newer bundle of $model; give the newer one" }
        if (row["head"] != binding.head || row["head_bytes"] != binding.headBytes) changeHead(binding)
        row.putAll(binding.columns())
    }

    private fun changeHead(binding: Binding) {
        val version = heads.active().version
        val unfit = version != null && heads.one(version).bytes?.toLong() != binding.headBytes
        if (unfit) heads.supersede()
        rows.binding["generation"] = rows.binding["generation"] as Long + 1
        val left = if (unfit) mapOf("left" to version) else emptyMap()
        events.note("bundle-changed", mapOf("head_in_use" to version.takeUnless { unfit }) + left)
    }
}

/** Delete the checkpoint of an adaptation by gradient steps, which Python may have left. */
internal fun clearCheckpoint(rows: Rows) = rows.writing {
    for ((record) in rows.database.query("SELECT record FROM checkpoint")) {
        rows.recordChange("checkpoint", 1, record as ByteArray)
        rows.database.execute("DELETE FROM checkpoint")
        Blobs(rows, "content").delete(1)
    }
}

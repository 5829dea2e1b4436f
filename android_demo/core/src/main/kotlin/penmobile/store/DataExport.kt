package penmobile.store

import penmobile.bundle.hex
import penmobile.bundle.jsonText
import penmobile.bundle.parseJson
import penmobile.bundle.sha256
import java.io.OutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream

private const val README = """# Data of a personal store

Times are Unix seconds, UTC. `samples.csv` has one line for each label; its `row` counts in `features.npy`, a NumPy array of
float32 `[N, D_z]` from which no face can be drawn. `heads.json` has every attempt to adapt, `head-*.f32` the parameters of those
that are kept, `events.json` what else happened.

These files are not encrypted. `pen-mobile phone import-data --store NEW.sqlite --from THIS` makes a store of them again.
"""

/** Writes all data of a store into an archive that any tool reads, and that Python makes a store from again. */
internal class DataExport(private val rows: Rows, private val samples: Samples, private val heads: Heads, private val log: Events) {
    fun write(out: OutputStream, now: Double) = rows.reading {
        val files = files()
        val index = jsonText(index(files, now))
        ZipOutputStream(out).use { archive ->
            for ((name, content) in files + ("store.json" to index.toByteArray()) + ("README.md" to README.toByteArray())) {
                archive.putNextEntry(ZipEntry(name))
                archive.write(content)
            }
        }
    }

    private fun files(): Map<String, ByteArray> {
        val attempts = heads.all()
        val files = linkedMapOf(
            "samples.csv" to csv().toByteArray(),
            "features.npy" to npy(samples.read()),
            "heads.json" to jsonText(attempts.map(::shown)).toByteArray(),
            "events.json" to jsonText(log.all()).toByteArray(),
        )
        for (head in attempts) if (head.bytes != null) files[fileOf(head.version)] = bytesOf(heads.parameters(head.version))
        return files
    }

    private fun csv(): String {
        val header = listOf("row", "captured_at", "aged_from") + targets() + listOf("weight", "origin", "format")
        val found = samples.records().entries.sortedWith(compareBy({ it.value.capturedAt }, { it.key }))
        val lines = found.mapIndexed { row, (_, record) ->
            listOf(row, record.capturedAt, record.agedFrom) + record.labels.map { it.toDouble() } +
                listOf(record.weight.toDouble(), record.origin, if (record.half) "float16" else "float32")
        }
        return (listOf(header) + lines).joinToString("") { it.joinToString(",") + "\r\n" }
    }

    private fun npy(found: List<Sample>): ByteArray {
        val size = rows.binding["feature_size"]
        val header = "{'descr': '<f4', 'fortran_order': False, 'shape': (${found.size}, $size), }".padEnd(117) + "\n"
        val magic = byteArrayOf(0x93.toByte()) + "NUMPY".toByteArray() + byteArrayOf(1, 0)
        val length = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN).putShort(header.length.toShort()).array()
        return found.fold(magic + length + header.toByteArray()) { all, sample -> all + bytesOf(sample.feature) }
    }

    private fun shown(head: HeadVersion): Map<String, Any?> = mapOf(
        "version" to head.version, "parent" to head.parent, "status" to head.status, "strategy" to head.strategy,
        "created_at" to head.createdAt, "parameters" to head.bytes?.let { fileOf(head.version) }, "metrics" to head.metrics,
    )

    private fun index(files: Map<String, ByteArray>, now: Double): Map<String, Any?> {
        val names = listOf("backbone", "feature_size", "head_bytes", "head", "model", "serial", "generation")
        return mapOf(
            "format" to "pen-mobile data export",
            "version" to 1,
            "exported_at" to now,
            "bundle" to names.associateWith { rows.binding[it] } + ("targets" to targets()),
            "active_version" to heads.active().version,
            "counts" to mapOf("samples" to samples.records().size, "heads" to heads.all().size),
            "files" to files.mapValues { (_, content) -> mapOf("bytes" to content.size, "sha256" to sha256(content).hex()) },
        )
    }

    private fun targets(): List<Any?> = parseJson(rows.binding["targets"] as String) as List<*>

    private fun fileOf(version: Long) = "head-${version.toString().padStart(6, '0')}.f32"
}

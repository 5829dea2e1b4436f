package penmobile.bundle

/**
 * The part of JSON Schema 2020-12 that `manifest.schema.json` uses.
 *
 * @param root the schema document.
 */
class JsonSchema(private val root: Map<*, *>) {
    /** Return why a value does not follow the schema, beginning with its place; null when it does. */
    fun fault(value: Any?): String? = fault(root, value, "")

    private fun fault(schema: Map<*, *>, value: Any?, place: String): String? {
        val target = schema["\$ref"]
        if (target is String) return fault(definition(target), value, place)
        val choices = schema["anyOf"] as? List<*>
        if (choices != null) return anyOf(choices, value, place)
        val plain = wrongType(schema["type"], value) ?: wrongConstant(schema, value)
        if (plain != null) return "${place.ifEmpty { "document" }}: $plain"
        return when (value) {
            is Map<*, *> -> objectFault(schema, value, place)
            is List<*> -> arrayFault(schema, value, place)
            is Number -> numberFault(schema, value.toDouble())?.let { "$place: $it" }
            is String -> stringFault(schema, value)?.let { "$place: $it" }
            else -> null
        }
    }

    private fun definition(reference: String): Map<*, *> {
        val name = reference.removePrefix("#/\$defs/")
        return requireNotNull((root["\$defs"] as? Map<*, *>)?.get(name) as? Map<*, *>) { "$reference is missing" }
    }

    private fun anyOf(choices: List<*>, value: Any?, place: String): String? {
        val faults = choices.map { fault(it as Map<*, *>, value, place) }
        return if (null in faults) null else faults.first()
    }

    private fun wrongType(type: Any?, value: Any?): String? {
        val fits = when (type) {
            "object" -> value is Map<*, *>
            "array" -> value is List<*>
            "string" -> value is String
            "integer" -> value is Long
            "number" -> value is Number
            "boolean" -> value is Boolean
            "null" -> value == null
            else -> type == null
        }
        return if (fits) null else "it is no $type"
    }

    private fun wrongConstant(schema: Map<*, *>, value: Any?): String? {
        val allowed = schema["enum"] as? List<*> ?: schema["const"]?.let { listOf(it) } ?: return null
        return if (value in allowed) null else "$value is not among ${allowed.joinToString()}"
    }

    private fun objectFault(schema: Map<*, *>, value: Map<*, *>, place: String): String? {
        val missing = (schema["required"] as? List<*>).orEmpty().firstOrNull { it !in value }
        if (missing != null) return "$place.$missing is missing".removePrefix(".")
        if (value.size > limit(schema, "maxProperties")) return "$place: too many keys"
        for ((key, item) in value) {
            val name = "$place.$key".removePrefix(".")
            val part = partOf(schema, key as String) ?: if (schema["additionalProperties"] == false) return "$name is unknown" else continue
            fault(part, item, name)?.let { return it }
        }
        return null
    }

    private fun partOf(schema: Map<*, *>, key: String): Map<*, *>? {
        val named = (schema["properties"] as? Map<*, *>)?.get(key)
        val patterns = (schema["patternProperties"] as? Map<*, *>).orEmpty()
        val matching = patterns.entries.firstOrNull { Regex(it.key as String).matches(key) }?.value
        return (named ?: matching ?: schema["additionalProperties"]) as? Map<*, *>
    }

    private fun arrayFault(schema: Map<*, *>, value: List<*>, place: String): String? {
        val least = (schema["minItems"] as? Number)?.toInt() ?: 0
        if (value.size < least || value.size > limit(schema, "maxItems")) return "$place: ${value.size} items"
        val first = schema["prefixItems"] as? List<*>
        for ((number, item) in value.withIndex()) {
            val part = (first?.getOrNull(number) ?: schema["items"]) as? Map<*, *> ?: continue
            fault(part, item, "$place.$number")?.let { return it }
        }
        return null
    }

    private fun numberFault(schema: Map<*, *>, value: Double): String? {
        fun bound(name: String): Double? = (schema[name] as? Number)?.toDouble()
        val inside = value >= (bound("minimum") ?: value) && value <= (bound("maximum") ?: value) &&
            bound("exclusiveMinimum").let { it == null || value > it } && bound("exclusiveMaximum").let { it == null || value < it }
        return if (inside) null else "$value is out of range"
    }

    private fun stringFault(schema: Map<*, *>, value: String): String? {
        val pattern = schema["pattern"] as? String ?: return null
        return if (Regex(pattern).matches(value)) null else "'${value.take(60)}' is no such name"
    }

    private fun limit(schema: Map<*, *>, name: String): Int = (schema[name] as? Number)?.toInt() ?: Int.MAX_VALUE
}

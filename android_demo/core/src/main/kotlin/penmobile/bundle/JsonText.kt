package penmobile.bundle

/**
 * Write a value as JSON text, in ASCII.
 *
 * @param value maps with string keys, lists, strings, finite numbers, booleans and null.
 * @param blank what follows a comma or colon; a blank is what Python writes.
 * @throws IllegalArgumentException a number is not finite, or a value is of another type.
 */
fun jsonText(value: Any?, blank: String = ""): String = StringBuilder().also { JsonWriter(it, blank).write(value) }.toString()

private class JsonWriter(private val out: StringBuilder, private val blank: String) {
    fun write(value: Any?) {
        when (value) {
            null, is Boolean, is Int, is Long -> out.append(value)
            is Float -> write(value.toDouble())
            is Double -> {
                require(!value.isNaN() && !value.isInfinite()) { "$value is no JSON number" }
                out.append(value)
            }
            is String -> string(value)
            is Map<*, *> -> items('{', '}', value.entries) {
                string(it.key as String)
                out.append(':').append(blank)
                write(it.value)
            }
            is Iterable<*> -> items('[', ']', value) { write(it) }
            else -> throw IllegalArgumentException("${value.javaClass.name} is no JSON value")
        }
    }

    private fun <T> items(open: Char, close: Char, values: Iterable<T>, each: (T) -> Unit) {
        out.append(open)
        values.forEachIndexed { number, value ->
            if (number > 0) out.append(',').append(blank)
            each(value)
        }
        out.append(close)
    }

    private fun string(text: String) {
        out.append('"')
        for (char in text) {
            when {
                char == '"' || char == '\\' -> out.append('\\').append(char)
                char in ' '..'~' -> out.append(char)
                else -> out.append("\\u").append(char.code.toString(16).padStart(4, '0'))
            }
        }
        out.append('"')
    }
}

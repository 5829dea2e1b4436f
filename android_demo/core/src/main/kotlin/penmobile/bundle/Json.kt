package penmobile.bundle

/**
 * Parse a JSON document that anybody may have written.
 *
 * @param text the document.
 * @return maps, lists, strings, [Long], [Double], [Boolean] and null.
 * @throws IllegalArgumentException not JSON, a key that comes twice, nested deeper than 32, or a number without end.
 */
fun parseJson(text: String): Any? = JsonParser(text).document()

/** Parse UTF-8; a byte sequence that is none is refused. */
fun parseJson(bytes: ByteArray): Any? {
    val decoder = Charsets.UTF_8.newDecoder()
    val text = try {
        decoder.decode(java.nio.ByteBuffer.wrap(bytes)).toString()
    } catch (error: java.nio.charset.CharacterCodingException) {
        throw IllegalArgumentException("not UTF-8", error)
    }
    return parseJson(text)
}

private const val MAX_DEPTH = 32
private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
private val ESCAPES = mapOf(
    '"' to '"', '\\' to '\\', '/' to '/', 'b' to '\b', 'f' to '\u000C', 'n' to '\n', 'r' to '\r', 't' to '\t',
)

private class JsonParser(private val text: String) {
    private var at = 0

    fun document(): Any? {
        val value = value(MAX_DEPTH)
        blanks()
        require(at == text.length) { "text after the document" }
        return value
    }

    private fun value(depth: Int): Any? {
        blanks()
        return when (peek()) {
            '{' -> objectOf(inside(depth))
            '[' -> arrayOf(inside(depth))
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun inside(depth: Int): Int {
        require(depth > 0) { "JSON nested deeper than $MAX_DEPTH" }
        return depth - 1
    }

    private fun objectOf(depth: Int): Map<String, Any?> {
        val found = LinkedHashMap<String, Any?>()
        items('{', '}') {
            blanks()
            val key = string()
            blanks()
            take(':')
            require(key !in found) { "key '$key' comes twice" }
            found[key] = value(depth)
        }
        return found
    }

    private fun arrayOf(depth: Int): List<Any?> {
        val found = ArrayList<Any?>()
        items('[', ']') { found.add(value(depth)) }
        return found
    }

    private inline fun items(open: Char, close: Char, item: () -> Unit) {
        take(open)
        blanks()
        if (peek() == close) {
            at++
            return
        }
        while (true) {
            item()
            blanks()
            if (peek() == close) break
            take(',')
        }
        at++
    }

    private fun string(): String {
        take('"')
        val found = StringBuilder()
        while (true) {
            val next = peek()
            at++
            require(next >= ' ') { "a control character in a string" }
            when (next) {
                '"' -> return found.toString()
                '\\' -> found.append(escaped())
                else -> found.append(next)
            }
        }
    }

    private fun escaped(): Char {
        val next = peek()
        at++
        if (next != 'u') return ESCAPES[next] ?: throw IllegalArgumentException("escape \\$next is unknown")
        require(at + 4 <= text.length) { "the document is cut" }
        val digits = text.substring(at, at + 4)
        at += 4
        require(digits.all { it in '0'..'9' || it in 'a'..'f' || it in 'A'..'F' }) { "\\u$digits is no character" }
        return digits.toInt(16).toChar()
    }

    private fun number(): Any {
        val match = NUMBER.find(text, at)
        require(match != null && match.range.first == at) { "character ${text.getOrNull(at)} is no JSON" }
        at = match.range.last + 1
        val whole = match.groupValues[2].isEmpty() && match.groupValues[3].isEmpty()
        if (whole) return match.value.toLongOrNull() ?: throw IllegalArgumentException("integer out of range")
        val value = match.value.toDouble()
        require(!value.isInfinite()) { "${match.value} is too large" }
        return value
    }

    private fun word(word: String, value: Any?): Any? {
        require(text.startsWith(word, at)) { "no JSON at character $at" }
        at += word.length
        return value
    }

    private fun blanks() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = text.getOrNull(at) ?: throw IllegalArgumentException("the document is cut")

    private fun take(expected: Char) {
        require(peek() == expected) { "'$expected' is missing at character $at" }
        at++
    }
}

package penmobile.bundle

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

class JsonTest {
    @Test
    fun `values of every kind are read and written again`() {
        val text = """{"a":[1,-2.5,1.0E9,true,null],"b":"\u00fc \"quoted\" \\ \n","c":{}}"""
        val value = parseJson(text) as Map<*, *>
        assertEquals(listOf(1L, -2.5, 1e9, true, null), value["a"])
        assertEquals("\u00fc \"quoted\" \\ \n", value["b"])
        assertEquals(value, parseJson(jsonText(value)))
    }

    @Test
    fun `what readers would read differently is refused`() {
        val wrong = listOf(
            """{"a":1,"a":2}""", """{"a":{"b":1,"b":1}}""", "[1,]", "[01]", "[1e999]", "[NaN]", "[Infinity]", "{a:1}", "[1] 2",
            "\"\u0001\"", "\"\\x\"", "[1", "", "'a'", "[99999999999999999999]", "[".repeat(33) + "]".repeat(33),
        )
        for (text in wrong) assertThrows(IllegalArgumentException::class.java, { parseJson(text) }, text)
        assertThrows(IllegalArgumentException::class.java) { parseJson(byteArrayOf('"'.code.toByte(), -1, '"'.code.toByte())) }
    }

    @Test
    fun `a number that is not finite cannot be written`() {
        assertThrows(IllegalArgumentException::class.java) { jsonText(mapOf("a" to Double.NaN)) }
    }
}

package penmobile.bundle

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class JsonSchemaTest {
    private val schema = JsonSchema(
        parseJson(
            """{"type":"object","required":["n"],"additionalProperties":false,"properties":{
                "n":{"type":"integer","minimum":1,"maximum":3},"x":{"anyOf":[{"type":"null"},{"${'$'}ref":"#/${'$'}defs/X"}]},
                "l":{"type":"array","minItems":1,"maxItems":2,"items":{"type":"string","pattern":"^[a-z]+${'$'}"}}},
                "${'$'}defs":{"X":{"type":"number","exclusiveMinimum":0}}}""",
        ) as Map<*, *>,
    )

    private fun fault(text: String) = schema.fault(parseJson(text))

    @Test
    fun `what follows the schema has no fault`() {
        for (text in listOf("""{"n":1}""", """{"n":3,"x":null}""", """{"n":2,"x":0.5,"l":["a","b"]}""")) assertNull(fault(text), text)
    }

    @Test
    fun `a fault names its place`() {
        assertEquals("n is missing", fault("{}"))
        assertEquals("m is unknown", fault("""{"n":1,"m":2}"""))
        assertEquals("n: it is no integer", fault("""{"n":1.0}"""))
        assertEquals("n: 4.0 is out of range", fault("""{"n":4}"""))
        assertEquals("l.1: 'B' is no such name", fault("""{"n":1,"l":["a","B"]}"""))
    }

    @Test
    fun `every rule can refuse`() {
        for (text in listOf("[]", """{"n":1,"x":0}""", """{"n":1,"x":"a"}""", """{"n":1,"l":[]}""", """{"n":1,"l":["a","b","c"]}""")) {
            assertNotNull(fault(text), text)
        }
    }
}

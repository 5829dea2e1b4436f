package penmobile.screen

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory

/** The app's `strings.xml` of one language, read on the JVM. */
class ResourceFile(language: String) : Words {
    private val strings: Map<String, String> = read(language)

    val names: Set<String> get() = strings.keys

    override fun of(name: String, vararg values: Any): String =
        String.format(java.util.Locale.ROOT, requireNotNull(strings[name]) { "string $name is missing" }, *values)

    /** The text of a string as it stands in the file. */
    fun raw(name: String): String = strings.getValue(name)

    private fun read(language: String): Map<String, String> {
        val repository = requireNotNull(System.getProperty("pen.repository")) { "-Dpen.repository=PATH is missing" }
        val folder = if (language == "en") "values" else "values-$language"
        val file = File(repository, "android_demo/app/src/main/res/$folder/strings.xml")
        val nodes = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file).getElementsByTagName("string")
        return (0 until nodes.length).map(nodes::item).associate {
            it.attributes.getNamedItem("name").nodeValue to it.textContent.replace("\\\"", "\"").replace("\\'", "'")
        }
    }
}

package penmobile.app

import android.content.Context
import penmobile.screen.Words

/** Sentences of `strings.xml`, in the language of the phone. */
class ResourceWords(private val context: Context) : Words {
    override fun of(name: String, vararg values: Any): String {
        val id = context.resources.getIdentifier(name, "string", context.packageName)
        return context.resources.getString(id, *values)
    }
}

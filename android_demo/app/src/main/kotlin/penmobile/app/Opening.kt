package penmobile.app

import android.content.Context
import penmobile.bundle.Bundle
import penmobile.bundle.MakerKey
import penmobile.bundle.replaced
import penmobile.bundle.sha256
import penmobile.runtime.BundleRuntime
import penmobile.screen.About
import penmobile.session.Session
import penmobile.store.Store
import penmobile.store.StoreOptions
import java.io.File

private const val BUNDLE = "bundle.zip"
private const val PUBLIC_KEY = "public.pem"

/** Held while files are written: the screen and the nightly job may open at the same time. */
private val OPENING = Any()

/** The files of the app, and how a session is opened from them. */
class Opening(private val context: Context) {
    private val private = context.noBackupFilesDir
    private val key = OwnerKey(File(private, "store.key"))
    private val store = File(private, "store.sqlite")

    /**
     * Open the bundle in the app's assets with its maker's key, and the owner's store.
     *
     * @throws penmobile.PenException the screen has a sentence for each.
     */
    fun open(): Session = synchronized(OPENING) {
        val bundle = Bundle.open(copied(BUNDLE), MakerKey.fromPem(asset(PUBLIC_KEY)))
        val threads = maxOf(1, Runtime.getRuntime().availableProcessors() / 2)
        val runtime = BundleRuntime(bundle, ExecuTorchPrograms(threads), File(private, "programs"))
        var database: AndroidDatabase? = null
        var opened = false
        try {
            val file = AndroidDatabase(store).also { database = it }
            Session(runtime, Store(file, bundle, StoreOptions(key.read()))).also { opened = true }
        } finally {
            if (!opened) {
                runtime.close()
                database?.close()
            }
        }
    }

    /** What the screen says of a session's model. */
    fun about(session: Session): About {
        val card = session.manifest.values["card"] as? Map<*, *>
        val said = listOf("name", "version", "licence").mapNotNull { card?.get(it) as? String }
        val model = said.joinToString(", ").ifEmpty { session.manifest.backbone?.name ?: "features" }
        return About(model, session.manifest.recipe, signed = true)
    }

    /** Delete store and key, when the store cannot be opened any more. */
    fun startAnew() = synchronized(OPENING) {
        for (end in listOf("", "-wal", "-shm", "-journal")) File(store.path + end).delete()
        key.delete()
    }

    private fun asset(name: String): String = context.assets.open(name).use { String(it.readBytes(), Charsets.UTF_8) }

    /** Return a file of the assets as a file of the app, written when it is another one than before. */
    private fun copied(name: String): File {
        val target = File(private, name)
        val same = target.isFile && target.inputStream().sha256().contentEquals(context.assets.open(name).sha256())
        if (!same) context.assets.open(name).use { source -> target.replaced { source.copyTo(it) } }
        return target
    }
}

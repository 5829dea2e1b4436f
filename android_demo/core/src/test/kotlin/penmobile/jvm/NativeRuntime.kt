package penmobile.jvm

import penmobile.PenException
import penmobile.Problem
import penmobile.runtime.Program
import penmobile.runtime.Programs
import penmobile.runtime.Tensor
import java.io.File

/** The real ExecuTorch runtime, through the C interface of `tests/native`. */
object NativeRuntime {
    init {
        System.load(requireNotNull(System.getProperty("pen.native")) { "-Dpen.native=PATH/libpen_jni.so is missing" })
    }

    @JvmStatic external fun open(path: String): Long

    @JvmStatic external fun close(program: Long)

    @JvmStatic external fun threads(count: Int): Int

    @JvmStatic external fun execute(program: Long, method: String, inputs: Array<FloatArray>): Array<FloatArray>
}

/** Programs in this process. */
object NativePrograms : Programs {
    override fun open(file: File): Program = explained { NativeProgram(NativeRuntime.open(file.path)) }
}

private class NativeProgram(private val handle: Long) : Program {
    override fun execute(method: String, inputs: List<Tensor>): List<FloatArray> =
        explained { NativeRuntime.execute(handle, method, inputs.map { it.values }.toTypedArray()).toList() }

    override fun close() = NativeRuntime.close(handle)
}

private inline fun <T> explained(call: () -> T): T = try {
    call()
} catch (error: IllegalStateException) {
    throw PenException(Problem.RUNTIME, error.message.orEmpty(), error)
}

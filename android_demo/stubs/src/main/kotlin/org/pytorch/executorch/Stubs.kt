@file:Suppress("UNUSED_PARAMETER", "unused")

package org.pytorch.executorch

import java.io.Closeable
import java.nio.FloatBuffer

private fun absent(): Nothing = throw UnsupportedOperationException("these are the signatures of ExecuTorch's AAR, without its code")

/** A tensor, as the AAR has it from 1.4 on. */
abstract class Tensor {
    /** Sizes, outermost first. */
    fun shape(): LongArray = absent()

    /** A copy of the numbers. */
    val dataAsFloatArray: FloatArray get() = absent()

    companion object {
        /** Make a tensor over a direct buffer in native order. */
        @JvmStatic
        fun fromBlob(data: FloatBuffer, shape: LongArray): Tensor = absent()

        /** Make a direct buffer in native order. */
        @JvmStatic
        fun allocateFloatBuffer(numElements: Int): FloatBuffer = absent()
    }
}

/** A value that a method takes or returns. */
class EValue {
    /** The tensor in it. */
    fun toTensor(): Tensor = absent()

    companion object {
        /** Wrap a tensor. */
        @JvmStatic
        fun from(value: Tensor): EValue = absent()
    }
}

/** A program. */
class Module : Closeable {
    /** Run a method. */
    fun execute(methodName: String, vararg inputs: EValue): Array<EValue> = absent()

    /** The runtime's last log lines. */
    fun readLogBuffer(): Array<String>? = absent()

    override fun close() = absent()

    companion object {
        /** Map the file into memory. */
        const val LOAD_MODE_MMAP: Int = 1

        /** Open a program file. */
        @JvmStatic
        fun load(modelPath: String, loadMode: Int, numThreads: Int): Module = absent()
    }
}

/** An error of the runtime. */
class ExecutorchRuntimeException(val errorCode: Int, message: String?) : RuntimeException(message)

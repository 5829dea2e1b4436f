package penmobile.app

import org.pytorch.executorch.EValue
import org.pytorch.executorch.ExecutorchRuntimeException
import org.pytorch.executorch.Module
import penmobile.PenException
import penmobile.Problem
import penmobile.runtime.Program
import penmobile.runtime.Programs
import penmobile.runtime.Tensor
import java.io.File

/** All programs of the process share one thread pool: nothing is opened, run or closed while another runs. */
private val RUNTIME = Any()

/**
 * The stock ExecuTorch runtime.
 *
 * @param threads of the one thread pool of the process: every module must ask for the same number.
 */
class ExecuTorchPrograms(private val threads: Int) : Programs {
    override fun open(file: File): Program = try {
        synchronized(RUNTIME) { ExecuTorchProgram(Module.load(file.path, Module.LOAD_MODE_MMAP, threads), file.name) }
    } catch (error: ExecutorchRuntimeException) {
        throw PenException(Problem.RUNTIME, "${file.name}: the runtime does not accept this program: ${error.message}", error)
    }
}

private class ExecuTorchProgram(private val module: Module, private val name: String) : Program {
    override fun execute(method: String, inputs: List<Tensor>): List<FloatArray> {
        val values = inputs.map(::value)
        return try {
            // Outputs are views of the method's memory: they are copied before the next call.
            synchronized(RUNTIME) { module.execute(method, *values.toTypedArray()).map { it.toTensor().dataAsFloatArray.copyOf() } }
        } catch (error: ExecutorchRuntimeException) {
            val log = module.readLogBuffer().orEmpty().takeLast(3).joinToString(" ")
            throw PenException(Problem.RUNTIME, "$name: method $method failed with error ${error.errorCode}: ${error.message} $log", error)
        }
    }

    override fun close() = synchronized(RUNTIME) { module.close() }

    private fun value(tensor: Tensor): EValue {
        val buffer = org.pytorch.executorch.Tensor.allocateFloatBuffer(tensor.values.size) // direct, in native order
        buffer.put(tensor.values)
        (buffer as java.nio.Buffer).rewind()
        return EValue.from(org.pytorch.executorch.Tensor.fromBlob(buffer, tensor.shape.map { it.toLong() }.toLongArray()))
    }
}

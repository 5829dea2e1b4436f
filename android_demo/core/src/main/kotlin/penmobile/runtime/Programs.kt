package penmobile.runtime

import java.io.Closeable
import java.io.File

/**
 * A float32 tensor, row-major.
 *
 * @property shape sizes, outermost first.
 * @property values as many as [shape] says.
 */
class Tensor(val shape: List<Int>, val values: FloatArray) {
    init {
        require(shape.fold(1) { size, side -> size * side } == values.size) { "${values.size} numbers do not fill $shape" }
    }
}

/** One program file, open in a runtime. */
interface Program : Closeable {
    /**
     * Execute a method.
     *
     * @param method its name.
     * @param inputs every one of its inputs, of exactly the shapes that the method states.
     * @return copies of its outputs, which stay valid: a runtime hands out views of its own memory.
     * @throws penmobile.PenException the runtime returned an error.
     */
    fun execute(method: String, inputs: List<Tensor>): List<FloatArray>
}

/** What executes programs. All programs of a process are called from one thread. */
fun interface Programs {
    /**
     * Open a program.
     *
     * @param file at a path of its own.
     * @throws penmobile.PenException the runtime does not accept it.
     */
    fun open(file: File): Program
}

/* A C interface to the ExecuTorch runtime, float32 tensors only: what JNI, Java's FFM and Swift's C interop can call.
 *
 * Every function may be called from any thread; calls are run one after the other. A wrong handle, method, size or null
 * pointer is an error, never a crash. Functions that return int return 0, or the number of ExecuTorch's error; the text
 * of the last error of the calling thread is in pen_last_error().
 */
#ifndef PEN_RUNTIME_H
#define PEN_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A program that is open; 0 is none, and a closed one is never used again. */
typedef int64_t pen_program;

enum { PEN_MAX_RANK = 8 };

/* The text of the last error of this thread; valid until the thread's next call. */
const char *pen_last_error(void);

/* Open a .pte file, mapped into memory. Returns 0 on failure. */
pen_program pen_open(const char *path);

/* Close a program. Closing twice is an error. */
int pen_close(pen_program program);

/* Set the size of the thread pool that all programs of the process share; 0 only asks. Returns the size. */
int pen_threads(uint32_t count);

/* Load a method: delegates are initialised here, so the first pen_execute is not slower than the others. */
int pen_load(pen_program program, const char *method);

/* Count the tensors that a method takes and returns. */
int pen_counts(pen_program program, const char *method, int *inputs, int *outputs);

/* Read the shape of one input (output = 0) or output (output = 1). dtype is torch's number, 6 for float32. */
int pen_shape(pen_program program, const char *method, int output, int place, int *rank, int64_t sizes[PEN_MAX_RANK],
              int *dtype);

/* Execute a method. inputs[i] has input_sizes[i] numbers and outputs[i] takes output_sizes[i]: exactly what the method
 * states. Outputs are copied, so they stay valid. */
int pen_execute(pen_program program, const char *method, const float *const *inputs, const size_t *input_sizes,
                int n_inputs, float *const *outputs, const size_t *output_sizes, int n_outputs);

#ifdef __cplusplus
}
#endif
#endif

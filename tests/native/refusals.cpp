// Calls the C interface wrongly in every way that a host can, from several threads too; prints a line for each refusal.
//
//   refusals PROGRAM METHOD        a program file and one of its methods
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "pen_runtime.h"

namespace {

int mistakes = 0;

void expect(bool holds, const char *what) {
  std::printf("%s %s\n", holds ? "ok" : "WRONG", what);
  mistakes += !holds;
}

/* A refusal has a text. */
void refused(int error, const char *what) {
  const std::string text = pen_last_error();
  std::printf("%s %s: %s\n", error != 0 && !text.empty() ? "ok" : "WRONG", what, text.c_str());
  mistakes += error == 0 || text.empty();
}

size_t count_of(pen_program program, const char *method, int output, int place) {
  int rank = 0, dtype = 0;
  int64_t sizes[PEN_MAX_RANK];
  if (pen_shape(program, method, output, place, &rank, sizes, &dtype) != 0) std::abort();
  size_t count = 1;
  for (int i = 0; i < rank; ++i) count *= static_cast<size_t>(sizes[i]);
  return count;
}

/* Buffers for one call of a method. */
struct Call {
  std::vector<std::vector<float>> in, out;
  std::vector<const float *> inputs;
  std::vector<float *> outputs;
  std::vector<size_t> input_sizes, output_sizes;

  Call(pen_program program, const char *method) {
    int n_inputs = 0, n_outputs = 0;
    if (pen_counts(program, method, &n_inputs, &n_outputs) != 0) std::abort();
    for (int i = 0; i < n_inputs; ++i) in.emplace_back(count_of(program, method, 0, i), 0.25f);
    for (int i = 0; i < n_outputs; ++i) out.emplace_back(count_of(program, method, 1, i));
    for (auto &one : in) inputs.push_back(one.data()), input_sizes.push_back(one.size());
    for (auto &one : out) outputs.push_back(one.data()), output_sizes.push_back(one.size());
  }

  int execute(pen_program program, const char *method) {
    return pen_execute(program, method, inputs.data(), input_sizes.data(), static_cast<int>(inputs.size()),
                       outputs.data(), output_sizes.data(), static_cast<int>(outputs.size()));
  }
};

void refuse_files() {
  refused(pen_open(nullptr) == 0, "no path");
  refused(pen_open("/nonexistent/head.pte") == 0, "no such file");
  refused(pen_open("/proc/self/exe") == 0, "a file that is no program");
}

void refuse_calls(pen_program program, const char *method) {
  int first = 0, second = 0;
  int64_t sizes[PEN_MAX_RANK];
  refused(pen_load(program, "nonesuch"), "a method that is not there");
  refused(pen_load(program, nullptr), "no method");
  refused(pen_load(program + 1000, method), "a handle that was never given");
  refused(pen_counts(program, method, nullptr, &second), "no place for a count");
  refused(pen_shape(program, method, 0, -1, &first, sizes, &second), "tensor -1");
  refused(pen_shape(program, method, 1, 99, &first, sizes, &second), "tensor 99");
  refused(pen_shape(program, method, 0, 0, &first, nullptr, &second), "no place for a shape");
}

void refuse_buffers(pen_program program, const char *method) {
  Call call(program, method);
  ++call.input_sizes[0];
  refused(call.execute(program, method), "an input too long");
  call.input_sizes[0] -= 2;
  refused(call.execute(program, method), "an input too short");
  ++call.input_sizes[0];
  call.inputs[0] = nullptr;
  refused(call.execute(program, method), "a null input");
  call.inputs[0] = call.in[0].data();
  --call.output_sizes[0];
  refused(call.execute(program, method), "an output too short");
  ++call.output_sizes[0];
  call.outputs[0] = nullptr;
  refused(call.execute(program, method), "a null output");
  call.outputs[0] = call.out[0].data();
  refused(pen_execute(program, method, nullptr, nullptr, 0, nullptr, nullptr, 0), "no tensors at all");
  refused(pen_execute(program, method, nullptr, nullptr, -1, nullptr, nullptr, -1), "a negative count");
  expect(call.execute(program, method) == 0, "the right call after all the wrong ones");
}

void run_from_threads(pen_program program, const char *method) {
  std::vector<std::thread> threads;
  std::vector<int> failures(4);
  std::vector<std::vector<float>> results(4);
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&, n] {
      Call call(program, method);
      for (int i = 0; i < 20; ++i) failures[n] += call.execute(program, method) != 0;
      results[n] = call.out[0];
    });
  }
  for (auto &thread : threads) thread.join();
  bool equal = true;
  for (int n = 0; n < 4; ++n) equal = equal && failures[n] == 0 && results[n] == results[0];
  expect(equal, "four threads give the same numbers");
}

}  // namespace

int main(int count, char **words) {
  if (count != 3) return 2;
  const char *method = words[2];
  refuse_files();
  pen_threads(1);
  const pen_program program = pen_open(words[1]);
  if (program == 0) return 2;
  refuse_calls(program, method);
  refuse_buffers(program, method);
  run_from_threads(program, method);
  expect(pen_close(program) == 0, "close");
  refused(pen_close(program), "close again");
  refused(pen_load(program, method), "a closed program");
  return mistakes == 0 ? 0 : 1;
}

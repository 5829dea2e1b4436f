#include "pen_runtime.h"

#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

using executorch::aten::ScalarType;
using executorch::aten::SizesType;
using executorch::extension::from_blob;
using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::runtime::Error;
using executorch::runtime::EValue;
using executorch::runtime::MethodMeta;
using executorch::runtime::TensorInfo;

namespace executorch::extension::threadpool {
class ThreadPool {  // the wheel has the library and not this header
 public:
  size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(uint32_t count);
};
ThreadPool *get_threadpool();
}  // namespace executorch::extension::threadpool

namespace {

thread_local std::string last_error;
std::mutex lock;  // one thread at a time: the thread pool and XNNPACK's workspace belong to the whole process
std::map<pen_program, std::unique_ptr<Module>> programs;
pen_program newest = 0;

/* An error to be returned through the C interface. */
struct Failure {
  Error error;
  std::string text;
};

[[noreturn]] void fail(const std::string &text, Error error = Error::InvalidArgument) { throw Failure{error, text}; }

void check(Error error, const std::string &text) {
  if (error != Error::Ok) fail(text + ": " + executorch::runtime::to_string(error), error);
}

/* Run a body under the lock; whatever it throws becomes a number and a text. */
template <typename Body>
int guarded(Body body) {
  const std::lock_guard<std::mutex> held(lock);
  try {
    body();
    return 0;
  } catch (const Failure &failure) {
    last_error = failure.text;
    return static_cast<int>(failure.error);
  } catch (const std::exception &exception) {
    last_error = exception.what();
  } catch (...) {
    last_error = "unknown exception";
  }
  return static_cast<int>(Error::Internal);
}

Module &module_of(pen_program program) {
  const auto found = programs.find(program);
  if (found == programs.end()) fail("the program is not open");
  return *found->second;
}

MethodMeta meta_of(Module &module, const char *method) {
  if (method == nullptr) fail("no method was named");
  auto meta = module.method_meta(method);
  check(meta.error(), std::string("method ") + method);
  return *meta;
}

TensorInfo tensor_of(const MethodMeta &meta, bool output, int place) {
  const size_t count = output ? meta.num_outputs() : meta.num_inputs();
  if (place < 0 || static_cast<size_t>(place) >= count) fail("there is no tensor " + std::to_string(place));
  auto tensor = output ? meta.output_tensor_meta(place) : meta.input_tensor_meta(place);
  check(tensor.error(), "tensor " + std::to_string(place));
  return *tensor;
}

void check_tensor(const TensorInfo &tensor, const void *numbers, size_t size, const std::string &name) {
  if (numbers == nullptr) fail(name + " is null");
  if (tensor.scalar_type() != ScalarType::Float) fail(name + " is not float32");
  size_t stated = 1;
  for (const auto length : tensor.sizes()) stated *= static_cast<size_t>(length);
  if (size != stated) {
    fail(name + " has " + std::to_string(size) + " numbers, the method states " + std::to_string(stated));
  }
}

void check_counts(const MethodMeta &meta, int n_inputs, int n_outputs, const std::string &method) {
  if (n_inputs < 0 || n_outputs < 0 || meta.num_inputs() != static_cast<size_t>(n_inputs) ||
      meta.num_outputs() != static_cast<size_t>(n_outputs)) {
    fail("method " + method + " takes " + std::to_string(meta.num_inputs()) + " and returns " +
         std::to_string(meta.num_outputs()) + " tensors");
  }
}

}  // namespace

const char *pen_last_error(void) { return last_error.c_str(); }

pen_program pen_open(const char *path) {
  pen_program opened = 0;
  guarded([&] {
    if (path == nullptr) fail("no path was given");
    auto module = std::make_unique<Module>(std::string(path), Module::LoadMode::Mmap);
    check(module->load(executorch::runtime::Program::Verification::InternalConsistency), path);
    opened = ++newest;
    programs[opened] = std::move(module);
  });
  return opened;
}

int pen_close(pen_program program) {
  return guarded([&] {
    module_of(program);
    programs.erase(program);
  });
}

int pen_threads(uint32_t count) {
  int size = 0;
  guarded([&] {
    auto *pool = executorch::extension::threadpool::get_threadpool();
    if (count != 0) pool->_unsafe_reset_threadpool(count);
    size = static_cast<int>(pool->get_thread_count());
  });
  return size;
}

int pen_load(pen_program program, const char *method) {
  return guarded([&] {
    Module &module = module_of(program);
    meta_of(module, method);
    check(module.load_method(method), std::string("method ") + method);
  });
}

int pen_counts(pen_program program, const char *method, int *inputs, int *outputs) {
  return guarded([&] {
    if (inputs == nullptr || outputs == nullptr) fail("no place for the counts was given");
    const MethodMeta meta = meta_of(module_of(program), method);
    *inputs = static_cast<int>(meta.num_inputs());
    *outputs = static_cast<int>(meta.num_outputs());
  });
}

int pen_shape(pen_program program, const char *method, int output, int place, int *rank, int64_t sizes[PEN_MAX_RANK],
              int *dtype) {
  return guarded([&] {
    if (rank == nullptr || sizes == nullptr || dtype == nullptr) fail("no place for the shape was given");
    const MethodMeta meta = meta_of(module_of(program), method);
    const TensorInfo tensor = tensor_of(meta, output != 0, place);
    if (tensor.sizes().size() > PEN_MAX_RANK) fail("the tensor has too many dimensions", Error::NotSupported);
    *rank = static_cast<int>(tensor.sizes().size());
    for (int i = 0; i < *rank; ++i) sizes[i] = tensor.sizes()[i];
    *dtype = static_cast<int>(tensor.scalar_type());
  });
}

int pen_execute(pen_program program, const char *method, const float *const *inputs, const size_t *input_sizes,
                int n_inputs, float *const *outputs, const size_t *output_sizes, int n_outputs) {
  return guarded([&] {
    Module &module = module_of(program);
    const MethodMeta meta = meta_of(module, method);
    check_counts(meta, n_inputs, n_outputs, method);
    if (n_inputs > 0 && (inputs == nullptr || input_sizes == nullptr)) fail("no inputs were given");
    if (n_outputs > 0 && (outputs == nullptr || output_sizes == nullptr)) fail("no place for outputs was given");
    std::vector<TensorPtr> tensors;
    std::vector<EValue> values;
    for (int i = 0; i < n_inputs; ++i) {
      const TensorInfo tensor = tensor_of(meta, false, i);
      check_tensor(tensor, inputs[i], input_sizes[i], "input " + std::to_string(i));
      const std::vector<SizesType> sizes(tensor.sizes().begin(), tensor.sizes().end());
      tensors.push_back(from_blob(const_cast<float *>(inputs[i]), sizes, ScalarType::Float));
      values.emplace_back(*tensors.back());
    }
    for (int i = 0; i < n_outputs; ++i) {
      check_tensor(tensor_of(meta, true, i), outputs[i], output_sizes[i], "output " + std::to_string(i));
    }
    const auto result = module.execute(method, values);
    check(result.error(), std::string("method ") + method);
    for (int i = 0; i < n_outputs; ++i) {
      const auto &tensor = result->at(i).toTensor();
      std::memcpy(outputs[i], tensor.const_data_ptr<float>(), tensor.nbytes());
    }
  });
}

/* JNI for penmobile.jvm.NativeRuntime over pen_runtime.h: float arrays, copied. */
#include <jni.h>

#include <vector>

#include "pen_runtime.h"

namespace {

void raise(JNIEnv *env) {
  const jclass kind = env->FindClass("java/lang/IllegalStateException");
  if (kind != nullptr) env->ThrowNew(kind, pen_last_error());
}

/* The number of numbers in one output of a method, or -1 after an error. */
int64_t output_size(pen_program program, const char *method, int place) {
  int rank = 0, dtype = 0;
  int64_t sizes[PEN_MAX_RANK] = {};
  if (pen_shape(program, method, 1, place, &rank, sizes, &dtype) != 0) return -1;
  int64_t size = 1;
  for (int i = 0; i < rank; ++i) size *= sizes[i];
  return size;
}

std::vector<std::vector<float>> copied(JNIEnv *env, jobjectArray arrays) {
  std::vector<std::vector<float>> found(env->GetArrayLength(arrays));
  for (size_t i = 0; i < found.size(); ++i) {
    const auto array = static_cast<jfloatArray>(env->GetObjectArrayElement(arrays, static_cast<jsize>(i)));
    found[i].resize(env->GetArrayLength(array));
    env->GetFloatArrayRegion(array, 0, static_cast<jsize>(found[i].size()), found[i].data());
    env->DeleteLocalRef(array);
  }
  return found;
}

jobjectArray returned(JNIEnv *env, const std::vector<std::vector<float>> &arrays) {
  const jobjectArray all = env->NewObjectArray(static_cast<jsize>(arrays.size()), env->FindClass("[F"), nullptr);
  for (size_t i = 0; all != nullptr && i < arrays.size(); ++i) {
    const auto size = static_cast<jsize>(arrays[i].size());
    const jfloatArray array = env->NewFloatArray(size);
    if (array == nullptr) return nullptr;
    env->SetFloatArrayRegion(array, 0, size, arrays[i].data());
    env->SetObjectArrayElement(all, static_cast<jsize>(i), array);
    env->DeleteLocalRef(array);
  }
  return all;
}

class Text {
 public:
  Text(JNIEnv *env, jstring text) : env_(env), text_(text), chars_(env->GetStringUTFChars(text, nullptr)) {}
  ~Text() { env_->ReleaseStringUTFChars(text_, chars_); }
  const char *get() const { return chars_; }

 private:
  JNIEnv *env_;
  jstring text_;
  const char *chars_;
};

}  // namespace

extern "C" {

JNIEXPORT jlong JNICALL Java_penmobile_jvm_NativeRuntime_open(JNIEnv *env, jclass, jstring path) {
  const pen_program opened = pen_open(Text(env, path).get());
  if (opened == 0) raise(env);
  return opened;
}

JNIEXPORT void JNICALL Java_penmobile_jvm_NativeRuntime_close(JNIEnv *env, jclass, jlong program) {
  if (pen_close(program) != 0) raise(env);
}

JNIEXPORT jint JNICALL Java_penmobile_jvm_NativeRuntime_threads(JNIEnv *, jclass, jint count) {
  return pen_threads(static_cast<uint32_t>(count));
}

JNIEXPORT jobjectArray JNICALL Java_penmobile_jvm_NativeRuntime_execute(JNIEnv *env, jclass, jlong program,
                                                                          jstring name, jobjectArray arrays) {
  const Text method(env, name);
  const auto inputs = copied(env, arrays);
  int n_inputs = 0, n_outputs = 0;
  if (pen_counts(program, method.get(), &n_inputs, &n_outputs) != 0) return raise(env), nullptr;
  std::vector<std::vector<float>> outputs(n_outputs);
  for (int i = 0; i < n_outputs; ++i) {
    const int64_t size = output_size(program, method.get(), i);
    if (size < 0) return raise(env), nullptr;
    outputs[i].resize(size);
  }
  std::vector<const float *> in;
  std::vector<float *> out;
  std::vector<size_t> in_sizes, out_sizes;
  for (const auto &array : inputs) in.push_back(array.data()), in_sizes.push_back(array.size());
  for (auto &array : outputs) out.push_back(array.data()), out_sizes.push_back(array.size());
  const int error = pen_execute(program, method.get(), in.data(), in_sizes.data(), static_cast<int>(in.size()), out.data(),
                                out_sizes.data(), n_outputs);
  if (error != 0) return raise(env), nullptr;
  return returned(env, outputs);
}
}

// Runs a script of calls in the ExecuTorch runtime and compares what comes out with files of expected numbers.
//
//   open NAME FILE                          open a program
//   read NAME FILE                          a buffer from raw little-endian float32
//   zeros NAME COUNT                        a buffer of zeros
//   call PROGRAM METHOD IN.. -> OUT..       execute; IN and OUT are buffers, and an OUT may be an IN
//   compare NAME FILE TOLERANCE             largest difference / max(1, largest expected number) <= TOLERANCE
//
// Prints a line for every comparison; exit status 1 when one fails, 2 when the script cannot be run.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "pen_runtime.h"

namespace {

using Numbers = std::vector<float>;

std::map<std::string, pen_program> programs;
std::map<std::string, Numbers> buffers;
bool all_equal = true;

[[noreturn]] void stop(const std::string &text) {
  std::cerr << "error: " << text << "\n";
  std::exit(2);
}

Numbers read_numbers(const std::string &path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || file.tellg() % sizeof(float) != 0) stop(path + " is not a file of float32 numbers");
  Numbers numbers(static_cast<size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char *>(numbers.data()), static_cast<std::streamsize>(numbers.size() * sizeof(float)));
  return numbers;
}

Numbers &buffer(const std::string &name) {
  const auto found = buffers.find(name);
  if (found == buffers.end()) stop("there is no buffer " + name);
  return found->second;
}

Numbers stated_output(pen_program program, const std::string &method, int place) {
  int rank = 0, dtype = 0;
  int64_t sizes[PEN_MAX_RANK];
  if (pen_shape(program, method.c_str(), 1, place, &rank, sizes, &dtype) != 0) stop(pen_last_error());
  size_t count = 1;
  for (int i = 0; i < rank; ++i) count *= static_cast<size_t>(sizes[i]);
  return Numbers(count);
}

void call(std::istringstream &words) {
  std::string program_name, method;
  words >> program_name >> method;
  const std::vector<std::string> names{std::istream_iterator<std::string>(words), {}};
  const auto arrow = std::find(names.begin(), names.end(), "->");
  const pen_program program = programs[program_name];
  std::vector<const float *> inputs;
  std::vector<size_t> input_sizes, output_sizes;
  for (auto name = names.begin(); name != arrow; ++name) {
    inputs.push_back(buffer(*name).data());
    input_sizes.push_back(buffer(*name).size());
  }
  std::vector<Numbers> results;
  std::vector<float *> outputs;
  const int n_outputs = static_cast<int>(std::distance(arrow, names.end())) - 1;
  for (int place = 0; place < n_outputs; ++place) results.push_back(stated_output(program, method, place));
  for (auto &result : results) {
    outputs.push_back(result.data());
    output_sizes.push_back(result.size());
  }
  if (pen_execute(program, method.c_str(), inputs.data(), input_sizes.data(), static_cast<int>(inputs.size()),
                  outputs.data(), output_sizes.data(), n_outputs) != 0) {
    stop(pen_last_error());
  }
  for (int place = 0; place < n_outputs; ++place) buffers[*(arrow + 1 + place)] = std::move(results[place]);
}

void compare(std::istringstream &words) {
  std::string name, file;
  double tolerance = 0;
  words >> name >> file >> tolerance;
  const Numbers expected = read_numbers(file), &found = buffer(name);
  if (found.size() < expected.size()) stop(name + " has fewer numbers than " + file);
  double difference = 0, scale = 1;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(found[i])) difference = INFINITY;
    difference = std::max(difference, std::fabs(static_cast<double>(found[i]) - expected[i]));
    scale = std::max(scale, std::fabs(static_cast<double>(expected[i])));
  }
  const bool equal = difference / scale <= tolerance;
  all_equal = all_equal && equal;
  std::printf("%s %s: %.2g (at most %.0e)\n", equal ? "ok" : "DIFFERS", name.c_str(), difference / scale, tolerance);
}

void run(const std::string &line) {
  std::istringstream words(line);
  std::string verb, name, rest;
  words >> verb;
  if (verb == "call") return call(words);
  if (verb == "compare") return compare(words);
  words >> name >> rest;
  if (verb == "open") {
    programs[name] = pen_open(rest.c_str());
    if (programs[name] == 0) stop(pen_last_error());
  } else if (verb == "read") {
    buffers[name] = read_numbers(rest);
  } else if (verb == "zeros") {
    buffers[name] = Numbers(std::stoul(rest));
  } else {
    stop("unknown verb in: " + line);
  }
}

}  // namespace

int main() {
  pen_threads(1);
  for (std::string line; std::getline(std::cin, line);) run(line);
  return all_equal ? 0 : 1;
}

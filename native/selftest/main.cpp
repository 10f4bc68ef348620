// Runs the tests of this folder: selftest [part of a test's name]

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "selftest/test.h"

namespace bitnet::selftest {
namespace {

struct Test {
  const char* name;
  TestFunction function;
};

constexpr size_t kPrintedFailures = 10;  // per test; a sweep can fail thousands of times

size_t n_failures = 0;  // of the running test
size_t n_checks = 0;
size_t n_skipped = 0;

std::vector<Test>& tests() {
  static std::vector<Test> list;
  return list;
}

bool run(const Test& test) {
  n_failures = 0;
  const auto start = std::chrono::steady_clock::now();
  try {
    test.function();
  } catch (const std::exception& error) {
    record_failure(test.name, 0, std::string("threw: ") + error.what());
  }
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  std::printf("%-4s %s (%.1f ms)\n", n_failures == 0 ? "ok" : "FAIL", test.name, elapsed.count());
  if (n_failures > kPrintedFailures) std::printf("     %zu failures in all\n", n_failures);
  std::fflush(stdout);
  return n_failures == 0;
}

}  // namespace

bool register_test(const char* name, TestFunction function) {
  tests().push_back({name, function});
  return true;
}

void record_failure(const char* file, int line, const std::string& text) {
  n_failures++;
  if (n_failures > kPrintedFailures) return;
  std::printf("     %s:%d: %s\n", file, line, text.c_str());
}

void skip(const std::string& what, const std::string& reason) {
  n_skipped++;
  std::printf("skipped: %s (%s)\n", what.c_str(), reason.c_str());
}

void note(const std::string& label, const std::string& text) {
  std::printf("%s: %s\n", label.c_str(), text.c_str());
}

void count_check() { n_checks++; }

static int run_all(const char* filter) {
  size_t n_passed = 0;
  size_t n_failed = 0;
  for (const Test& test : tests()) {
    if (std::strstr(test.name, filter) == nullptr) continue;
    (run(test) ? n_passed : n_failed)++;
  }
  std::printf("%zu checks\n", n_checks);
  // The last line is read by scripts.
  std::printf("%zu passed, %zu failed, %zu skipped\n", n_passed, n_failed, n_skipped);
  return n_failed == 0 && n_passed > 0 ? 0 : 1;
}

}  // namespace bitnet::selftest

int main(int argc, char** argv) { return bitnet::selftest::run_all(argc > 1 ? argv[1] : ""); }

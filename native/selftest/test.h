#pragma once

#include <concepts>
#include <sstream>
#include <string>
#include <type_traits>

// A test is BITNET_TEST(name) { ... } in any file of this folder; CHECK and CHECK_EQ record a
// failure with its place and go on. All of it on one thread: listeners and workers report through
// values that the test checks afterwards.

namespace bitnet::selftest {

using TestFunction = void (*)();

/// Adds a test to the list that main runs; called before main by BITNET_TEST.
bool register_test(const char* name, TestFunction function);

/// Marks the running test as failed; the first few texts are printed.
void record_failure(const char* file, int line, const std::string& text);

/// Prints "skipped: what (reason)" and counts it: a part of the running test cannot run here.
void skip(const std::string& what, const std::string& reason);

/// Prints "label: text": something about this run that a reader should know.
void note(const std::string& label, const std::string& text);

/// Counts a check for the summary; the macros below do it themselves.
void count_check();

template <typename T>
std::string value_text(const T& value) {
  std::ostringstream out;
  out.precision(9);
  if constexpr (std::is_same_v<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::integral<T>) {
    out << +value;  // bytes as numbers
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else {
    out << "<value>";
  }
  return out.str();
}

template <typename A, typename B>
void check_equal(const A& a, const B& b, const char* text, const char* file, int line) {
  count_check();
  if (a == b) return;
  record_failure(file, line, std::string(text) + ": " + value_text(a) + " != " + value_text(b));
}

}  // namespace bitnet::selftest

#define BITNET_TEST(name)                                            \
  static void bitnet_test_##name();                                  \
  [[maybe_unused]] static const bool bitnet_test_registered_##name = \
      ::bitnet::selftest::register_test(#name, bitnet_test_##name);  \
  static void bitnet_test_##name()

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    ::bitnet::selftest::count_check();                                                    \
    if (!(condition)) ::bitnet::selftest::record_failure(__FILE__, __LINE__, #condition); \
  } while (false)

#define CHECK_EQ(a, b) ::bitnet::selftest::check_equal((a), (b), #a " == " #b, __FILE__, __LINE__)

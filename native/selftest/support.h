#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "base/error.h"
#include "selftest/random.h"
#include "selftest/test.h"

namespace bitnet::selftest {

using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Fills memory that nobody may write to, or that must be overwritten.
constexpr float kCanary = -12345.678f;

/// n elements on a cache line of their own, with nothing after them: AddressSanitizer sees the
/// first byte read or written too far.
template <class T>
class Exact {
 public:
  explicit Exact(size_t n, T value = T{}) : n_(n), data_(allocate(n)) {
    std::uninitialized_fill_n(data(), n, value);
  }
  explicit Exact(const std::vector<T>& values) : Exact(values.data(), values.size()) {}
  Exact(const T* values, size_t n) : Exact(n) { std::copy_n(values, n, data()); }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return n_; }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + n_; }

 private:
  static constexpr std::align_val_t kAlign{64};
  struct Free {
    void operator()(T* p) const { ::operator delete(p, kAlign); }
  };
  static T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kAlign)); }

  size_t n_;
  std::unique_ptr<T, Free> data_;
};

inline bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

template <class T, class Describe>
void check_bits(const T* got, const T* expected, size_t n, Describe describe, const char* file,
                int line) {
  count_check();
  if (n == 0 || std::memcmp(got, expected, n * sizeof(T)) == 0) return;
  size_t i = 0;
  while (std::memcmp(got + i, expected + i, sizeof(T)) == 0) i++;
  record_failure(file, line,
                 describe() + ": element " + std::to_string(i) + " of " + std::to_string(n) +
                     " is " + value_text(got[i]) + ", expected " + value_text(expected[i]));
}

/// The code of the error that `action` throws, or "none".
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error_code_name(error.code());
  }
  return "none";
}

}  // namespace bitnet::selftest

/// The n elements at `got` have the bits of those at `expected`; `what` is evaluated on failure
/// only.
#define CHECK_BITS(got, expected, n, what)                                                  \
  ::bitnet::selftest::check_bits((got), (expected), (n), [&] { return std::string(what); }, \
                                 __FILE__, __LINE__)

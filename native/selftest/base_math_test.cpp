// Elementary functions: close to the C library's, and the same bits on every machine.

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/math.h"
#include "selftest/sha256.h"
#include "selftest/support.h"

namespace bitnet::selftest {
namespace {

constexpr double kBound = 1e-15;

double relative(double got, double exact) {
  return exact == 0.0 ? std::fabs(got) : std::fabs(got / exact - 1.0);
}

/// Hash of the bits of values, in the order of the grid.
std::string hash(const std::vector<double>& values) {
  Bytes bytes(values.size() * sizeof(double));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return sha256(bytes).substr(0, 32);
}

/// n doubles from `from` to `to`, evenly spaced, computed exactly alike everywhere.
std::vector<double> grid(double from, double to, size_t n) {
  std::vector<double> x(n);
  const double step = (to - from) / static_cast<double>(n);
  for (size_t i = 0; i < n; i++) x[i] = from + static_cast<double>(i) * step;
  return x;
}

BITNET_TEST(base_exp) {
  double worst = 0.0;
  std::vector<double> all;
  for (const auto& part : {grid(-708.0, 709.0, 40000), grid(-2.0, 2.0, 40000)}) {
    for (const double x : part) {
      all.push_back(exp_exact(x));
      worst = std::max(worst, relative(all.back(), std::exp(x)));
    }
  }
  CHECK(worst < kBound);
  CHECK_EQ(hash(all), "c4750a5b6f1eecd1df10e89f4a80665f");
  CHECK_EQ(exp_exact(0.0), 1.0);
  CHECK_EQ(exp_exact(-0.0), 1.0);
  CHECK_EQ(exp_exact(-708.1), 0.0);
  CHECK_EQ(exp_exact(-HUGE_VAL), 0.0);
  CHECK_EQ(exp_exact(709.1), HUGE_VAL);
  CHECK_EQ(exp_exact(HUGE_VAL), HUGE_VAL);
}

BITNET_TEST(base_log) {
  double worst = 0.0;
  std::vector<double> all;
  for (const auto& part : {grid(0.5, 2.0, 40000), grid(1e-3, 1e6, 40000)}) {
    for (const double x : part) {
      all.push_back(log_exact(x));
      // Near 1 the logarithm crosses zero.
      worst = std::max(
          worst, std::min(relative(all.back(), std::log(x)), std::fabs(all.back() - std::log(x))));
    }
  }
  for (int power = -1000; power <= 1000; power++) {
    all.push_back(log_exact(std::ldexp(1.37, power)));
    worst = std::max(worst, relative(all.back(), std::log(std::ldexp(1.37, power))));
  }
  CHECK(worst < kBound);
  CHECK_EQ(hash(all), "281753b9977e5a9fcea3e43bd783bba5");
  CHECK_EQ(log_exact(1.0), 0.0);
}

BITNET_TEST(base_sin_cos) {
  double worst = 0.0;
  std::vector<double> all;
  const auto check = [&](double x) {
    double sine = 0.0;
    double cosine = 0.0;
    sin_cos_exact(x, &sine, &cosine);
    all.push_back(sine);
    all.push_back(cosine);
    worst = std::max({worst, std::fabs(sine - std::sin(x)), std::fabs(cosine - std::cos(x))});
  };
  // A rope angle is at most the position: 3 million of them is beyond any context.
  for (const auto& part :
       {grid(0.0, 7.0, 40000), grid(0.0, 131072.0, 40000), grid(1e6, 3e6, 40000)}) {
    for (const double x : part) check(x);
  }
  for (int i = 0; i < 1000; i++) check(static_cast<double>(i) * 1.5707963267948966);
  CHECK(worst < kBound);
  // Farther out the reduction loses bits, as a position times a frequency does anyway.
  for (const double x : grid(1e7, 1e8, 40000)) check(x);
  CHECK(worst < 2e-8);
  CHECK_EQ(hash(all), "8db23f500921eae08c9aea353b2369f2");
}

BITNET_TEST(base_sin_cos_small) {
  // Relative accuracy at the angles of the slowest frequencies.
  for (int power = -60; power < -1; power++) {
    const double x = std::ldexp(1.3, power);
    double sine = 0.0;
    double cosine = 0.0;
    sin_cos_exact(x, &sine, &cosine);
    CHECK(relative(sine, std::sin(x)) < kBound);
    CHECK(relative(cosine, std::cos(x)) < kBound);
  }
  double sine = 1.0;
  double cosine = 0.0;
  sin_cos_exact(0.0, &sine, &cosine);
  CHECK_EQ(sine, 0.0);
  CHECK_EQ(cosine, 1.0);
}

BITNET_TEST(base_error_names) {
  CHECK_EQ(std::string(error_code_name(ErrorCode::kUsage)), "E_USAGE");
  CHECK_EQ(std::string(error_code_name(ErrorCode::kNotFound)), "E_NOT_FOUND");
  CHECK_EQ(std::string(error_code_name(ErrorCode::kModelFormat)), "E_MODEL_FORMAT");
  CHECK_EQ(std::string(error_code_name(ErrorCode::kUnsupported)), "E_UNSUPPORTED");
  CHECK_EQ(std::string(error_code_name(ErrorCode::kResource)), "E_RESOURCE");
  CHECK_EQ(std::string(error_code_name(ErrorCode::kCancelled)), "E_CANCELLED");
  const Error error(ErrorCode::kResource, "what", "hint");
  CHECK_EQ(std::string(error.what()), "what");
  CHECK_EQ(error.hint(), "hint");
}

}  // namespace
}  // namespace bitnet::selftest

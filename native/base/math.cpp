#include "base/math.h"

#include <bit>
#include <cstdint>
#include <limits>

namespace bitnet {
namespace {

// ln 2 and pi/2 in pieces whose leading parts have trailing zero bits, so that their product with a
// small integer is exact (Cody and Waite's reduction).
constexpr double kLn2High = 0x1.62e42fee00000p-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kPio2A = 0x1.921fb54400000p+0;
constexpr double kPio2B = 0x1.0b4611a600000p-34;
constexpr double kPio2C = 0x1.3198a2e037073p-69;
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
constexpr double kLog2e = 0x1.71547652b82fep+0;
constexpr double kRounder = 6755399441055744.0;  // 1.5 * 2^52

double round_even(double x) { return (x + kRounder) - kRounder; }

double pow2(int64_t n) { return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52); }

/// c[0] + x * (c[1] + x * (...)), n coefficients.
template <int n>
double polynomial(const double (&c)[n], double x) {
  double sum = c[n - 1];
  for (int i = n - 2; i >= 0; --i) sum = sum * x + c[i];
  return sum;
}

constexpr double factorial(int n) { return n < 2 ? 1.0 : n * factorial(n - 1); }

}  // namespace

double exp_exact(double x) noexcept {
  if (!(x >= -708.0)) return 0.0;  // NaN, too
  if (x > 709.0) return std::numeric_limits<double>::infinity();
  const double n = round_even(x * kLog2e);
  const double r = (x - n * kLn2High) - n * kLn2Low;  // |r| <= ln(2) / 2
  static constexpr double kTaylor[] = {
      1.0 / factorial(0),  1.0 / factorial(1), 1.0 / factorial(2),  1.0 / factorial(3),
      1.0 / factorial(4),  1.0 / factorial(5), 1.0 / factorial(6),  1.0 / factorial(7),
      1.0 / factorial(8),  1.0 / factorial(9), 1.0 / factorial(10), 1.0 / factorial(11),
      1.0 / factorial(12), 1.0 / factorial(13)};
  return polynomial(kTaylor, r) * pow2(static_cast<int64_t>(n));
}

double log_exact(double x) noexcept {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // log(m) = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.172
  const double s = (m - 1.0) / (m + 1.0);
  static constexpr double kSeries[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9, 1.0 / 11,
                                       1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21};
  const double e = static_cast<double>(exponent);
  return e * kLn2High + (2.0 * s * polynomial(kSeries, s * s) + e * kLn2Low);
}

void sin_cos_exact(double x, double* sine, double* cosine) noexcept {
  const double n = round_even(x * kTwoOverPi);
  const double r = ((x - n * kPio2A) - n * kPio2B) - n * kPio2C;  // |r| <= pi / 4
  static constexpr double kSine[] = {1.0,
                                     -1.0 / factorial(3),
                                     1.0 / factorial(5),
                                     -1.0 / factorial(7),
                                     1.0 / factorial(9),
                                     -1.0 / factorial(11),
                                     1.0 / factorial(13),
                                     -1.0 / factorial(15)};
  static constexpr double kCosine[] = {1.0,
                                       -1.0 / factorial(2),
                                       1.0 / factorial(4),
                                       -1.0 / factorial(6),
                                       1.0 / factorial(8),
                                       -1.0 / factorial(10),
                                       1.0 / factorial(12),
                                       -1.0 / factorial(14),
                                       1.0 / factorial(16)};
  const double s = r * polynomial(kSine, r * r);
  const double c = polynomial(kCosine, r * r);
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      *sine = s;
      *cosine = c;
      return;
    case 1:
      *sine = c;
      *cosine = -s;
      return;
    case 2:
      *sine = -s;
      *cosine = -c;
      return;
    default:
      *sine = -c;
      *cosine = s;
      return;
  }
}

}  // namespace bitnet

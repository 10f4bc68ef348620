#include "model/coarse_head.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "formats/format.h"

namespace bitnet {
namespace {

constexpr uint32_t kBlock = 32;  // of Q8_0
constexpr float kInfinity = std::numeric_limits<float>::infinity();
/// More than the doubles' own rounding and that of the few float operations on the bounds.
constexpr double kUp = 1.0 + 0x1p-20;
/// Products below the smallest floats may be lost.
constexpr float kTiny = 0x1p-100f;

/// Rounding errors of one product of k weights relative to |w| |x|: no lane takes part in more than
/// k / 16 sums, and folding, scaling and adding the two parts take a few more.
double rounding(uint32_t k) { return (k / 16 + 16) * 0x1p-24; }

float round_up(double value) {
  const auto rounded = static_cast<float>(value * kUp);
  return rounded >= 0.0f ? std::nextafter(rounded, kInfinity) : kInfinity;  // NaN, too
}

}  // namespace

bool has_coarse_rows(uint32_t k) { return k % kBlock == 0; }

size_t coarse_row_bytes(uint32_t k) { return payload_bytes(*find_format("q8_0"), 1, k); }

void copy_coarse_rows(const KernelTable& ops, const uint8_t* rows, uint32_t k, size_t n,
                      uint8_t* copy, float* error, float* norm) {
  const size_t copy_bytes = coarse_row_bytes(k);
  // Rounding of the sums of squares, and of what they are sums of.
  const double up = 1.0 + 2.0 * rounding(k);
  for (size_t row = 0; row < n; ++row, rows += size_t{k} * 2, copy += copy_bytes) {
    float squares[2];
    ops.copy_head_row(rows, k, copy, squares);
    const double lacks = std::sqrt(static_cast<double>(squares[1]) * up);
    const double whole = std::sqrt(static_cast<double>(squares[0]) * up) + lacks;
    error[row] = round_up(lacks + 2.0 * rounding(k) * whole);
    norm[row] = round_up(whole);
  }
}

CoarseInput split_coarse_input(const KernelTable& ops, const float* x, uint32_t k, uint8_t* q,
                               float* d, size_t q_stride) {
  const size_t d_stride = q_stride / kHeadBlock;
  const auto part = [&](size_t row, uint32_t i) {
    return static_cast<double>(q[row * q_stride + i] - 128) *
           static_cast<double>(d[row * d_stride + i / kHeadBlock]);
  };
  ops.quantize_head(x, k, q, d);
  std::vector<float> rest(k);
  for (uint32_t i = 0; i < k; ++i) {
    rest[i] = static_cast<float>(static_cast<double>(x[i]) - part(0, i));
  }
  ops.quantize_head(rest.data(), k, q + q_stride, d + d_stride);
  double square = 0.0;
  double rest_square = 0.0;
  for (uint32_t i = 0; i < k; ++i) {
    const double value = static_cast<double>(x[i]);
    const double lacks = value - part(0, i) - part(1, i);
    square += value * value;
    rest_square += lacks * lacks;
  }
  const double lacks = std::sqrt(rest_square);
  return {round_up(std::sqrt(square) + lacks), round_up(lacks)};
}

std::vector<float> CoarseProducts::surely(uint32_t begin, uint32_t end, size_t n) const {
  // A heap with the smallest on top.
  std::vector<float> largest;
  float least = -kInfinity;
  for (uint32_t r = begin; r < end; ++r) {
    const float bound = head.error[r] * input.reach + head.norm[r] * input.rest + kTiny;
    const float value = high[r] + low[r] - bound;
    if (!(value > least)) continue;
    if (largest.size() == n) {
      std::pop_heap(largest.begin(), largest.end(), std::greater<>());
      largest.pop_back();
    }
    largest.push_back(value);
    std::push_heap(largest.begin(), largest.end(), std::greater<>());
    if (largest.size() == n) least = largest.front();
  }
  return largest;
}

std::vector<uint32_t> CoarseProducts::perhaps(uint32_t begin, uint32_t end, float bound) const {
  std::vector<uint32_t> rows;
  for (uint32_t r = begin; r < end; ++r) {
    const float error = head.error[r] * input.reach + head.norm[r] * input.rest + kTiny;
    // NaN, infinity less infinity and the like: perhaps.
    if (!(high[r] + low[r] + error < bound)) rows.push_back(r);
  }
  return rows;
}

}  // namespace bitnet

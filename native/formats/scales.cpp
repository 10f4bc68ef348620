#include "formats/scales.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <string>

#include "base/error.h"
#include "base/half.h"

namespace bitnet {
namespace {

/// Where the scales of a row lie: `n` of them, `step` bytes apart.
struct RowScales {
  uint64_t row_bytes;
  uint64_t offset;
  uint64_t step;
  uint64_t n;
};

RowScales row_scales(const Format& format, uint64_t cols) noexcept {
  const uint64_t blocks = cols / format.block_elems;
  const uint64_t row_bytes = row_header_bytes(format) + blocks * format.block_bytes;
  if (format.scale_place != ScalePlace::kBlock) return {row_bytes, 0, 0, 1};
  return {row_bytes, format.scale_offset, format.block_bytes, blocks};
}

uint64_t count_nonzeros(const uint8_t* codes, uint64_t n) noexcept {
  constexpr uint64_t kRun = 128;  // counted in a byte each, which vectorises
  uint64_t count = 0;
  for (; n >= kRun; n -= kRun, codes += kRun) {
    uint8_t run = 0;
    for (uint64_t i = 0; i < kRun; i++) run = static_cast<uint8_t>(run + (codes[i] != 1 ? 1 : 0));
    count += run;
  }
  for (uint64_t i = 0; i < n; i++) count += codes[i] != 1 ? 1 : 0;
  return count;
}

/// A group of the output, cut where groups of the input begin.
struct Parts {
  const ScaledRows& rows;
  uint64_t begin;
  uint64_t n;
  uint64_t elems;  ///< weights of a part

  float scale(uint64_t i) const { return rows.scales[(begin + i * elems) / rows.group]; }
  uint64_t nonzeros(uint64_t i) const {
    return count_nonzeros(rows.codes + begin + i * elems, elems);
  }
  bool zero() const { return count_nonzeros(rows.codes + begin, n * elems) == 0; }
};

/// One scale for all parts.
float merge(const Parts& parts, Loss& loss) {
  const float first = parts.scale(0);
  bool same = true;
  for (uint64_t i = 1; i < parts.n; i++) same = same && parts.scale(i) == first;
  if (same) return first;

  double sum = 0.0;
  uint64_t n_nonzeros = 0;
  float kept = first;
  bool differ = false;
  for (uint64_t i = 0; i < parts.n; i++) {
    const uint64_t n = parts.nonzeros(i);
    if (n == 0) continue;
    differ = differ || (n_nonzeros != 0 && parts.scale(i) != kept);
    kept = parts.scale(i);
    n_nonzeros += n;
    sum += static_cast<double>(n) * static_cast<double>(kept);
  }
  if (!differ) return kept;
  const auto merged = static_cast<float>(sum / static_cast<double>(n_nonzeros));
  for (uint64_t i = 0; i < parts.n; i++) {
    loss.scales_merged += parts.scale(i) != merged && parts.nonzeros(i) != 0 ? 1 : 0;
  }
  return merged;
}

/// The nearest f16 number.
float to_f16(float scale, const Parts& parts) {
  const float rounded = f16_to_f32(f32_to_f16(scale));
  if (std::isfinite(rounded)) return rounded;
  if (parts.zero()) return 0.0f;
  throw Error(ErrorCode::kUnsupported,
              "weight scale " + std::to_string(scale) + " is beyond the range of f16");
}

}  // namespace

void Loss::add(const Loss& other) noexcept {
  scales_rounded += other.scales_rounded;
  scales_merged += other.scales_merged;
  weights_rounded += other.weights_rounded;
  max_relative = std::max(max_relative, other.max_relative);
}

void Loss::change(float before, float after) noexcept {
  if (before == after) return;
  const auto a = static_cast<double>(before);
  const auto b = static_cast<double>(after);
  max_relative = std::max(max_relative, std::fabs(b - a) / std::max(std::fabs(a), std::fabs(b)));
}

bool read_scales(const Format& format, const MatrixShape& shape, const uint8_t* payload,
                 uint64_t row_begin, uint64_t n_rows, float* scales) noexcept {
  const RowScales at = row_scales(format, shape.cols);
  bool finite = true;
  payload += row_begin * at.row_bytes + at.offset;
  for (uint64_t row = 0; row < n_rows; row++, payload += at.row_bytes) {
    for (uint64_t i = 0; i < at.n; i++, scales++) {
      if (format.scale_place == ScalePlace::kRowF32) {
        std::memcpy(scales, payload + i * at.step, sizeof(float));
      } else {
        uint16_t bits;
        std::memcpy(&bits, payload + i * at.step, sizeof bits);
        *scales = f16_to_f32(bits);
      }
      finite = finite && std::isfinite(*scales);
    }
  }
  return finite;
}

void write_scales(const Format& format, const MatrixShape& shape, const float* scales,
                  uint64_t row_begin, uint64_t n_rows, uint8_t* payload) noexcept {
  const RowScales at = row_scales(format, shape.cols);
  payload += row_begin * at.row_bytes + at.offset;
  for (uint64_t row = 0; row < n_rows; row++, payload += at.row_bytes) {
    for (uint64_t i = 0; i < at.n; i++, scales++) {
      if (format.scale_place == ScalePlace::kRowF32) {
        std::memcpy(payload + i * at.step, scales, sizeof(float));
      } else {
        const uint16_t bits = f32_to_f16(*scales);
        std::memcpy(payload + i * at.step, &bits, sizeof bits);
      }
    }
  }
}

Loss regroup_scales(const ScaledRows& rows, uint64_t group, float* out) {
  const uint64_t elems = std::gcd(rows.group, group);
  Loss loss;
  for (uint64_t begin = 0; begin < rows.n_rows * rows.cols; begin += group, out++) {
    const Parts parts{rows, begin, group / elems, elems};
    const float merged = merge(parts, loss);
    *out = to_f16(merged, parts);
    if (*out != merged && !parts.zero()) loss.scales_rounded++;
    for (uint64_t i = 0; i < parts.n; i++) {
      if (*out != parts.scale(i) && parts.nonzeros(i) != 0) loss.change(parts.scale(i), *out);
    }
  }
  return loss;
}

Loss loss_of_one_scale(const ScaledRows& rows, float scale) noexcept {
  Loss loss;
  for (uint64_t i = 0; i < rows.n_rows * rows.cols / rows.group; i++) {
    if (rows.scales[i] == scale) continue;
    if (count_nonzeros(rows.codes + i * rows.group, rows.group) == 0) continue;
    loss.scales_merged++;
    loss.change(rows.scales[i], scale);
  }
  return loss;
}

void ScaleStats::add(const ScaledRows& rows) noexcept {
  for (uint64_t i = 0; i < rows.n_rows * rows.cols / rows.group; i++) {
    const uint64_t n = count_nonzeros(rows.codes + i * rows.group, rows.group);
    if (n == 0) continue;
    const float scale = rows.scales[i];
    min = n_nonzeros == 0 ? scale : std::min(min, scale);
    max = n_nonzeros == 0 ? scale : std::max(max, scale);
    n_nonzeros += n;
    weighted_sum += static_cast<double>(n) * static_cast<double>(scale);
  }
}

}  // namespace bitnet

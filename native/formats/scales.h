#pragma once

#include <cstdint>

#include "formats/format.h"

namespace bitnet {

/// What a conversion could not keep; all zero when it was exact.
struct Loss {
  uint64_t scales_rounded = 0;   ///< scales in the output that its number format does not hold
  uint64_t scales_merged = 0;    ///< scales of the input that gave way to another one
  uint64_t weights_rounded = 0;  ///< float output: weights that its blocks do not hold
  /// Largest |new - old| / max(|new|, |old|) of a scale or weight.
  double max_relative = 0.0;

  bool any() const noexcept { return scales_rounded + scales_merged + weights_rounded != 0; }
  void add(const Loss& other) noexcept;
  void change(float before, float after) noexcept;  ///< raises max_relative
};

/// Scales of rows [row_begin, row_begin + n_rows) of a payload -> scales [n_rows, cols /
/// weights_per_scale]. False when one is not a finite number. The format has scales in its payload.
bool read_scales(const Format& format, const MatrixShape& shape, const uint8_t* payload,
                 uint64_t row_begin, uint64_t n_rows, float* scales) noexcept;

/// The reverse; scales that the payload holds as f16 are rounded to it.
void write_scales(const Format& format, const MatrixShape& shape, const float* scales,
                  uint64_t row_begin, uint64_t n_rows, uint8_t* payload) noexcept;

/// Rows of codes and a scale for every `group` neighbours in a row; `group` divides cols.
struct ScaledRows {
  const uint8_t* codes;  ///< [n_rows, cols]
  const float* scales;   ///< [n_rows, cols / group]
  uint64_t n_rows;
  uint64_t cols;
  uint64_t group;
};

/// Scales for larger or smaller groups, as f16 numbers: out [n_rows, cols / group]. Codes stay as
/// they are: where groups with weights other than zero and different scales are merged, the new
/// scale is that of the least squared error. Groups of zeros take any scale and count for nothing.
/// Returns what was lost. Throws Error kUnsupported: a scale beyond the range of f16.
Loss regroup_scales(const ScaledRows& rows, uint64_t group, float* out);

/// What is lost when one scale takes the place of all: groups whose scale it is not.
Loss loss_of_one_scale(const ScaledRows& rows, float scale) noexcept;

/// The scales of groups that are not all zeros. Those of blocks of rows can be put together: least,
/// largest, sums.
struct ScaleStats {
  float min = 0.0f;
  float max = 0.0f;
  uint64_t n_nonzeros = 0;    ///< weights other than zero; when there are none, so are all fields
  double weighted_sum = 0.0;  ///< of each such weight's scale, in row order

  void add(const ScaledRows& rows) noexcept;
};

}  // namespace bitnet

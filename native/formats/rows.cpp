#include "formats/rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "base/checked_math.h"
#include "base/error.h"
#include "formats/scales.h"
#include "formats/two_bit.h"

namespace bitnet {
namespace {

std::string shape_text(const MatrixShape& shape) {
  return "[" + std::to_string(shape.rows) + ", " + std::to_string(shape.cols) + "]";
}

std::string place_text(uint64_t row, uint64_t col) {
  return "row " + std::to_string(row) + ", column " + std::to_string(col);
}

/// " with BM 256, BK 96, bm 32" where there are tiles.
std::string tile_text(const TileParams& tile) {
  if (tile == TileParams{}) return "";
  return " with BM " + std::to_string(tile.rows) + ", BK " + std::to_string(tile.cols) + ", bm " +
         std::to_string(tile.inner_rows);
}

std::string block_text(const Format& format) {
  if (format.order != ElementOrder::kRows && format.order != ElementOrder::kFlat) return "";
  return " (blocks of " + std::to_string(format.block_elems) + ")";
}

void check_quarter(const Rows& rows) {
  if (rows.quarter == kNoQuarter) return;
  if (rows.format->order != ElementOrder::kRowQuarters) {
    throw Error(ErrorCode::kUsage, std::string(rows.format->name) + " has no row quarters");
  }
  if (rows.quarter < 0 || rows.quarter > 3) {
    throw Error(ErrorCode::kUsage,
                "row quarter " + std::to_string(rows.quarter) + " is not 0 to 3");
  }
}

void check_data_bytes(const Rows& rows) {
  uint64_t expected = 0;
  if (rows.quarter == kNoQuarter) {
    expected = checked_payload_bytes(*rows.format, rows.shape);
  } else {
    expected = checked_mul(rows.shape.rows, rows.shape.cols).value_or(0);
  }
  if (expected == rows.data_bytes && expected != 0) return;
  throw Error(ErrorCode::kUsage, std::string(rows.format->name) + " rows " +
                                     shape_text(rows.shape) + " take " + std::to_string(expected) +
                                     " bytes, got " + std::to_string(rows.data_bytes));
}

void check_scale(const Rows& rows) {
  const bool apart = rows.format->ternary && rows.format->scale_place == ScalePlace::kApart;
  if (apart && !std::isfinite(rows.scale)) {
    throw Error(ErrorCode::kModelFormat, "weight scale is not a finite number");
  }
  const bool masters = !rows.format->ternary && rows.floats == FloatMeaning::kMasters;
  if (masters && !(std::isfinite(rows.scale) && rows.scale > 0.0f)) {
    throw Error(ErrorCode::kUsage, "weight scale " + std::to_string(rows.scale) +
                                       " is not positive: nothing can be ternarised with it");
  }
}

/// Neighbours that share a scale.
uint64_t find_group(const Rows& rows) {
  const uint64_t cols = rows.shape.cols;
  if (rows.format->ternary) {
    const uint64_t group = weights_per_scale(*rows.format, cols);
    return group != 0 ? group : cols;
  }
  if (rows.floats != FloatMeaning::kUnpacked) return cols;
  if (rows.group != 0 && cols % rows.group == 0) return rows.group;
  throw Error(ErrorCode::kUsage, "scale groups of " + std::to_string(rows.group) +
                                     " do not divide rows of " + std::to_string(cols));
}

}  // namespace

RowsReader::RowsReader(const Rows& rows) : rows_(rows), group_(0) {
  check_quarter(rows);
  check_data_bytes(rows);
  check_scale(rows);
  group_ = find_group(rows);
}

bool RowsReader::ternary() const noexcept {
  return rows_.format->ternary || rows_.floats != FloatMeaning::kPlain;
}

void RowsReader::read_ternary(uint64_t row, uint64_t n_rows, uint8_t* codes, float* scales) const {
  const uint64_t cols = rows_.shape.cols;
  if (rows_.format->ternary) {
    read_codes(row, n_rows, codes);
    if (rows_.format->scale_place != ScalePlace::kApart) {
      read_payload_scales(row, n_rows, scales);
      return;
    }
  } else {
    std::vector<float> x(cols);
    for (uint64_t i = 0; i < n_rows; i++) {
      read_floats(row + i, 1, x.data());
      check_finite(x.data(), row + i, 1, cols);
      if (rows_.floats == FloatMeaning::kUnpacked) {
        recover(row + i, x.data(), codes + i * cols, scales + i * (cols / group_));
      } else {
        ternarise(x.data(), cols, rows_.scale, codes + i * cols);
      }
    }
    if (rows_.floats == FloatMeaning::kUnpacked) return;
  }
  std::fill_n(scales, n_rows, rows_.scale);  // one group a row
}

void RowsReader::read_floats(uint64_t row, uint64_t n_rows, float* x) const {
  const Format& format = *rows_.format;
  const uint64_t cols = rows_.shape.cols;
  format.decode(rows_.data + row * (cols / format.block_elems) * format.block_bytes, x,
                n_rows * cols);
}

void RowsReader::read_codes(uint64_t row, uint64_t n_rows, uint8_t* codes) const {
  const uint64_t cols = rows_.shape.cols;
  const uint64_t n = n_rows * cols;
  if (rows_.quarter == kNoQuarter) {
    rows_.format->unpack(rows_.data, rows_.shape, row, n_rows, codes);
  } else {
    unpack_field(rows_.data + row * cols, static_cast<unsigned>(2 * rows_.quarter), n, codes);
  }
  if (codes_valid(codes, n)) return;
  const auto i = static_cast<uint64_t>(std::find(codes, codes + n, uint8_t{3}) - codes);
  throw Error(ErrorCode::kModelFormat, "invalid ternary code 3 in " +
                                           std::string(rows_.format->name) + " " +
                                           place_text(row + i / cols, i % cols));
}

void RowsReader::read_payload_scales(uint64_t row, uint64_t n_rows, float* scales) const {
  if (read_scales(*rows_.format, rows_.shape, rows_.data, row, n_rows, scales)) return;
  const uint64_t per_row = rows_.shape.cols / group_;
  uint64_t i = 0;
  while (std::isfinite(scales[i])) i++;
  throw Error(ErrorCode::kModelFormat, "weight scale of " + std::string(rows_.format->name) + " " +
                                           place_text(row + i / per_row, i % per_row * group_) +
                                           " is not a finite number");
}

/// One row: each group's scale is its largest magnitude.
void RowsReader::recover(uint64_t row, const float* x, uint8_t* codes, float* scales) const {
  for (uint64_t col = 0; col < rows_.shape.cols; col += group_, scales++) {
    const TernaryCheck check = check_ternary(x + col, group_);
    if (!check.ternary) {
      throw Error(ErrorCode::kUnsupported, "weights from " + place_text(row, col) +
                                               " on are not ternary in groups of " +
                                               std::to_string(group_));
    }
    *scales = check.max_abs;
    for (uint64_t i = 0; i < group_; i++) {
      const float w = x[col + i];
      codes[col + i] =
          static_cast<uint8_t>(1 + static_cast<int>(w > 0.0f) - static_cast<int>(w < 0.0f));
    }
  }
}

void dequantise(const uint8_t* codes, const float* scales, uint64_t n, uint64_t group, float* x) {
  for (uint64_t begin = 0; begin < n; begin += group) {
    const float scale = scales[begin / group];
    for (uint64_t i = begin; i < begin + group; i++) {
      x[i] = static_cast<float>(static_cast<int>(codes[i]) - 1) * scale;
    }
  }
}

void check_finite(const float* x, uint64_t row, uint64_t n_rows, uint64_t cols) {
  constexpr int32_t kInfinityBits = 0x7f800000;
  const uint64_t n = n_rows * cols;
  int32_t strays = 0;
  for (uint64_t i = 0; i < n; i++) {
    strays |= static_cast<int32_t>((std::bit_cast<int32_t>(x[i]) & kInfinityBits) == kInfinityBits);
  }
  if (strays == 0) return;
  const auto i =
      static_cast<uint64_t>(std::find_if(x, x + n, [](float v) { return !std::isfinite(v); }) - x);
  throw Error(ErrorCode::kModelFormat,
              "weight in " + place_text(row + i / cols, i % cols) + " is not finite");
}

uint64_t checked_payload_bytes(const Format& format, const MatrixShape& shape) {
  const uint64_t bytes = payload_bytes(format, shape);
  if (bytes != 0) return bytes;
  throw Error(ErrorCode::kModelFormat, "shape " + shape_text(shape) + tile_text(shape.tile) +
                                           " does not fit format " + format.name +
                                           block_text(format) + ": " + misfit(format, shape));
}

}  // namespace bitnet

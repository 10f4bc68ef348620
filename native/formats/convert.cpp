#include "formats/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>

#include "base/checked_math.h"
#include "base/error.h"
#include "formats/two_bit.h"

namespace bitnet {
namespace {

/// Weights converted at a time: 32 KiB of codes and 128 KiB of floats stay in a second-level cache.
constexpr uint64_t kPieceElems = 32768;

/// The rows to read, and where they lie.
struct Source {
  const Format& format;
  uint64_t rows;
  uint64_t cols;
  const uint8_t* data;
  int quarter = kNoQuarter;
};

std::string shape_text(uint64_t rows, uint64_t cols) {
  return "[" + std::to_string(rows) + ", " + std::to_string(cols) + "]";
}

uint64_t checked_payload(const Format& format, uint64_t rows, uint64_t cols) {
  const uint64_t bytes = payload_bytes(format, rows, cols);
  if (bytes != 0) return bytes;
  throw Error(ErrorCode::kModelFormat,
              "shape " + shape_text(rows, cols) + " does not fit format " + format.name);
}

void check_data_bytes(const Source& source, size_t data_bytes) {
  uint64_t expected = 0;
  if (source.quarter == kNoQuarter) {
    expected = checked_payload(source.format, source.rows, source.cols);
  } else {
    expected = checked_mul(source.rows, source.cols).value_or(0);
  }
  if (expected == data_bytes && expected != 0) return;
  throw Error(ErrorCode::kUsage, std::string(source.format.name) + " rows " +
                                     shape_text(source.rows, source.cols) + " take " +
                                     std::to_string(expected) + " bytes, got " +
                                     std::to_string(data_bytes));
}

Source float_source(const Format& format, uint64_t rows, uint64_t cols, const uint8_t* data,
                    size_t data_bytes) {
  if (format.ternary) {
    throw Error(ErrorCode::kUsage, std::string(format.name) + " is not a float format");
  }
  const Source source{format, rows, cols, data};
  check_data_bytes(source, data_bytes);
  return source;
}

void read_floats(const Source& source, uint64_t row, uint64_t n_rows, float* x) {
  const Format& format = source.format;
  format.decode(source.data + row * source.cols / format.block_elems * format.block_bytes, x,
                n_rows * source.cols);
}

void read_codes(const Source& source, uint64_t row, uint64_t n_rows, uint8_t* codes) {
  const uint64_t n = n_rows * source.cols;
  if (source.quarter == kNoQuarter) {
    source.format.unpack(source.data, source.rows, source.cols, row, n_rows, codes);
  } else {
    unpack_field(source.data + row * source.cols, static_cast<unsigned>(2 * source.quarter), n,
                 codes);
  }
  if (codes_valid(codes, n)) return;
  const auto i = static_cast<uint64_t>(std::find(codes, codes + n, uint8_t{3}) - codes);
  throw Error(ErrorCode::kModelFormat, "invalid ternary code 3 in " +
                                           std::string(source.format.name) + " row " +
                                           std::to_string(row + i / source.cols) + ", column " +
                                           std::to_string(i % source.cols));
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
  throw Error(ErrorCode::kModelFormat, "weight in row " + std::to_string(row + i / cols) +
                                           ", column " + std::to_string(i % cols) +
                                           " is not finite");
}

/// codes [n] -> x [n] = (code - 1) * scale.
void dequantise(const uint8_t* codes, uint64_t n, float scale, float* x) {
  for (uint64_t i = 0; i < n; i++)
    x[i] = static_cast<float>(static_cast<int>(codes[i]) - 1) * scale;
}

void check_scale(const Format& from, const Format& to, float scale) {
  if (from.ternary == to.ternary) return;
  if (from.ternary && !std::isfinite(scale)) {
    throw Error(ErrorCode::kModelFormat, "weight scale is not a finite number");
  }
  if (to.ternary && !(std::isfinite(scale) && scale > 0.0f)) {
    throw Error(ErrorCode::kUsage, "weight scale " + std::to_string(scale) +
                                       " is not positive: nothing can be ternarised with it");
  }
}

/// How many rows of `to` (packed rows for row quarters) make a piece: whole blocks, in cache.
uint64_t rows_per_piece(const Format& to, uint64_t cols, uint64_t ranges) {
  uint64_t unit = 1;
  if (to.order == ElementOrder::kRowQuads) unit = to.block_elems;
  if (to.order == ElementOrder::kFlat) unit = to.block_elems / std::gcd(to.block_elems, cols);
  const uint64_t fits = kPieceElems / ranges / cols;
  return std::max(unit, fits / unit * unit);
}

}  // namespace

std::vector<uint8_t> convert_rows(const Format& from, const Format& to, uint64_t rows,
                                  uint64_t cols, const uint8_t* data, size_t data_bytes,
                                  float scale, int quarter) {
  if (quarter != kNoQuarter && from.order != ElementOrder::kRowQuarters) {
    throw Error(ErrorCode::kUsage, std::string(from.name) + " has no row quarters");
  }
  if (quarter != kNoQuarter && (quarter < 0 || quarter > 3)) {
    throw Error(ErrorCode::kUsage, "row quarter " + std::to_string(quarter) + " is not 0 to 3");
  }
  if (to.ternary ? to.pack == nullptr : to.encode == nullptr) {
    throw Error(ErrorCode::kUnsupported, "format " + std::string(to.name) + " cannot be written");
  }
  const Source source{from, rows, cols, data, quarter};
  check_data_bytes(source, data_bytes);
  check_scale(from, to, scale);
  const uint64_t out_bytes = checked_payload(to, rows, cols);
  if (&from == &to && !from.ternary) return {data, data + data_bytes};

  std::vector<uint8_t> out(out_bytes);
  uint8_t* next = out.data();
  // A piece of a tensor in row quarters consists of the same rows of each quarter: together they
  // are a smaller tensor of that kind. In other orders there is one range of rows.
  const uint64_t ranges = to.order == ElementOrder::kRowQuarters ? 4 : 1;
  const uint64_t range_rows = rows / ranges;
  const uint64_t step = std::min(range_rows, rows_per_piece(to, cols, ranges));
  std::vector<uint8_t> codes(from.ternary || to.ternary ? ranges * step * cols : 0);
  std::vector<float> x(from.ternary && to.ternary ? 0 : ranges * step * cols);
  const bool needs_finite = to.ternary || to.block_elems > 1;

  for (uint64_t i = 0; i < range_rows; i += step) {
    const uint64_t n_rows = std::min(step, range_rows - i);
    const uint64_t range_elems = n_rows * cols;
    const uint64_t n = ranges * range_elems;
    for (uint64_t r = 0; r < ranges; r++) {
      const uint64_t row = r * range_rows + i;
      if (from.ternary) {
        read_codes(source, row, n_rows, codes.data() + r * range_elems);
      } else {
        read_floats(source, row, n_rows, x.data() + r * range_elems);
        if (needs_finite) check_finite(x.data() + r * range_elems, row, n_rows, cols);
      }
    }
    if (!from.ternary && to.ternary) ternarise(x.data(), n, scale, codes.data());
    if (from.ternary && !to.ternary) dequantise(codes.data(), n, scale, x.data());
    if (to.ternary) {
      to.pack(codes.data(), ranges * n_rows, cols, next);
    } else {
      to.encode(x.data(), next, n);
    }
    next += n / to.block_elems * to.block_bytes;
  }
  return out;
}

double abs_sum_rows(const Format& from, uint64_t rows, uint64_t cols, const uint8_t* data,
                    size_t data_bytes) {
  const Source source = float_source(from, rows, cols, data, data_bytes);
  std::vector<float> x(cols);
  double sum = 0.0;
  for (uint64_t row = 0; row < rows; row++) {
    read_floats(source, row, 1, x.data());
    sum += abs_sum(x.data(), cols);
  }
  return sum;
}

TernaryCheck check_ternary_rows(const Format& from, uint64_t rows, uint64_t cols,
                                const uint8_t* data, size_t data_bytes) {
  const Source source = float_source(from, rows, cols, data, data_bytes);
  std::vector<float> x(cols);
  TernaryCheck all{0.0f, true};
  for (uint64_t row = 0; row < rows; row++) {
    read_floats(source, row, 1, x.data());
    const TernaryCheck one = check_ternary(x.data(), cols);
    const bool same = one.max_abs == all.max_abs || one.max_abs == 0.0f || all.max_abs == 0.0f;
    all.ternary = all.ternary && one.ternary && same;
    all.max_abs = one.max_abs > all.max_abs || std::isnan(one.max_abs) ? one.max_abs : all.max_abs;
  }
  return all;
}

}  // namespace bitnet

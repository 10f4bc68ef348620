#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/format.h"

namespace bitnet {

/// `quarter` of rows that are not one row quarter of a packed checkpoint.
inline constexpr int kNoQuarter = -1;

/// What the weights of float formats are.
enum class FloatMeaning : uint8_t {
  kPlain,     ///< numbers
  kMasters,   ///< to be ternarised with `scale` (see ternarise)
  kUnpacked,  ///< ternary already: -s, 0 or s, where s belongs to `group` neighbours in a row
};

/// A block of whole rows in some format, and how to read it. Ternary weights are trit * scale.
struct Rows {
  const Format* format;
  MatrixShape shape;
  /// The payload: payload_bytes(*format, shape) bytes.
  const uint8_t* data;
  size_t data_bytes;
  /// Of ternary formats that keep their scale apart, and of masters.
  float scale = 1.0f;
  /// hf_packed only: `data` is [rows, cols] packed bytes, of which the 2-bit field `quarter` (0..3)
  /// is wanted, that is rows of one quarter of the tensor. Else kNoQuarter.
  int quarter = kNoQuarter;
  FloatMeaning floats = FloatMeaning::kPlain;
  uint64_t group = 0;  ///< of kUnpacked; divides cols
};

/// Reads ranges of rows, whatever the format. All functions throw Error kModelFormat for what the
/// bytes should not hold: codes other than 0, 1, 2, scales that are not finite numbers, unpacked
/// weights that are not ternary (kUnsupported), masters that are not finite.
class RowsReader {
 public:
  /// Throws Error: kModelFormat (shape does not fit the format), kUsage (wrong data size, quarter,
  /// scale or group).
  explicit RowsReader(const Rows& rows);

  const Rows& rows() const noexcept { return rows_; }
  /// The weights are trits and scales.
  bool ternary() const noexcept;
  /// Neighbours in a row that share a scale.
  uint64_t group() const noexcept { return group_; }

  /// Rows of ternary weights -> codes [n_rows, cols] and scales [n_rows, cols / group()].
  void read_ternary(uint64_t row, uint64_t n_rows, uint8_t* codes, float* scales) const;
  /// Rows of float formats -> x [n_rows, cols], whatever they mean.
  void read_floats(uint64_t row, uint64_t n_rows, float* x) const;

 private:
  void read_codes(uint64_t row, uint64_t n_rows, uint8_t* codes) const;
  void read_payload_scales(uint64_t row, uint64_t n_rows, float* scales) const;
  void recover(uint64_t row, const float* x, uint8_t* codes, float* scales) const;

  Rows rows_;
  uint64_t group_;
};

/// codes [n] and a scale for every `group` of them -> x [n] = (code - 1) * scale.
void dequantise(const uint8_t* codes, const float* scales, uint64_t n, uint64_t group, float* x);

/// Throws Error kModelFormat when one of x [n_rows, cols] is not a finite number; `row` is the
/// number of the first.
void check_finite(const float* x, uint64_t row, uint64_t n_rows, uint64_t cols);

/// payload_bytes; throws Error kModelFormat with the reason when the shape does not fit.
uint64_t checked_payload_bytes(const Format& format, const MatrixShape& shape);

}  // namespace bitnet

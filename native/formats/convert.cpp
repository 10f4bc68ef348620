#include "formats/convert.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>
#include <string>

#include "base/error.h"

namespace bitnet {
namespace {

/// Weights handled at a time: 32 KiB of codes and 128 KiB of floats stay in a second-level cache.
constexpr uint64_t kPieceElems = 32768;

/// Rows of a piece: whole units for reader and writer, in cache.
uint64_t rows_per_piece(const Rows& rows, uint64_t writer_multiple) {
  const uint64_t unit = std::lcm(unpack_multiple(*rows.format), writer_multiple);
  const uint64_t fits = kPieceElems / rows.shape.cols;
  return std::min(rows.shape.rows, std::max(unit, fits / unit * unit));
}

/// Calls visit(row, n_rows) for every piece.
template <typename Visit>
void for_each_piece(const Rows& rows, uint64_t writer_multiple, Visit visit) {
  const uint64_t step = rows_per_piece(rows, writer_multiple);
  for (uint64_t row = 0; row < rows.shape.rows; row += step) {
    visit(row, std::min(step, rows.shape.rows - row));
  }
}

/// One piece of ternary rows.
class TernaryPiece {
 public:
  explicit TernaryPiece(const RowsReader& reader) : reader_(reader) {}

  ScaledRows read(uint64_t row, uint64_t n_rows) {
    const uint64_t cols = reader_.rows().shape.cols;
    codes_.resize(n_rows * cols);
    scales_.resize(n_rows * (cols / reader_.group()));
    reader_.read_ternary(row, n_rows, codes_.data(), scales_.data());
    return {codes_.data(), scales_.data(), n_rows, cols, reader_.group()};
  }

 private:
  const RowsReader& reader_;
  std::vector<uint8_t> codes_;
  std::vector<float> scales_;
};

/// Weights as numbers, whatever the rows hold.
class FloatPiece {
 public:
  explicit FloatPiece(const RowsReader& reader) : reader_(reader), ternary_(reader) {}

  const std::vector<float>& read(uint64_t row, uint64_t n_rows) {
    x_.resize(n_rows * reader_.rows().shape.cols);
    if (reader_.ternary()) {
      const ScaledRows piece = ternary_.read(row, n_rows);
      dequantise(piece.codes, piece.scales, x_.size(), piece.group, x_.data());
    } else {
      reader_.read_floats(row, n_rows, x_.data());
    }
    return x_;
  }

 private:
  const RowsReader& reader_;
  TernaryPiece ternary_;
  std::vector<float> x_;
};

/// False when there is a NaN. Without a branch in the loop, so that it vectorises.
bool same_weights(const float* a, const float* b, size_t n) {
  int32_t strays = 0;
  for (size_t i = 0; i < n; i++) strays |= static_cast<int32_t>(a[i] != b[i]);
  return strays == 0;
}

std::string plural(uint64_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string loss_text(const Loss& loss) {
  std::string text;
  const auto add = [&](uint64_t n, const char* what, const char* verb) {
    if (n != 0) text += (text.empty() ? "" : ", ") + plural(n, what) + " " + verb;
  };
  add(loss.scales_rounded, "scale", "rounded to f16");
  add(loss.scales_merged, "scale", "replaced by another");
  add(loss.weights_rounded, "weight", "rounded");
  std::ostringstream change;
  change.precision(2);
  change << loss.max_relative;
  return text + " (relative change up to " + change.str() + ")";
}

/// Writes pieces of one conversion.
class Conversion {
 public:
  Conversion(const Rows& rows, const Target& target)
      : reader_(rows), to_(*target.format), target_(target), shape_(rows.shape) {
    shape_.tile = target.tile;
    check_target();
    result_.bytes.resize(checked_payload_bytes(to_, shape_));
  }

  ConvertedRows run() {
    if (!reader_.ternary() && reader_.rows().format == &to_) {
      result_.bytes.assign(reader_.rows().data, reader_.rows().data + reader_.rows().data_bytes);
      return std::move(result_);
    }
    const uint64_t multiple = to_.ternary ? pack_multiple(to_, shape_.cols) : 1;
    TernaryPiece ternary(reader_);
    FloatPiece floats(reader_);
    for_each_piece(reader_.rows(), multiple, [&](uint64_t row, uint64_t n_rows) {
      const Loss loss = to_.ternary ? write_ternary(row, ternary.read(row, n_rows))
                                    : write_floats(row, floats.read(row, n_rows));
      result_.loss.add(loss);
      if (loss.any() && !target_.allow_lossy) refuse(row, n_rows, loss);
    });
    return std::move(result_);
  }

 private:
  void check_target() const {
    if (to_.ternary ? to_.pack == nullptr : to_.encode == nullptr) {
      throw Error(ErrorCode::kUnsupported,
                  "format " + std::string(to_.name) + " cannot be written");
    }
    if (to_.ternary && !reader_.ternary()) {
      throw Error(ErrorCode::kUsage, std::string(reader_.rows().format->name) +
                                         " numbers have to be ternarised for " + to_.name);
    }
    const bool apart = to_.ternary && to_.scale_place == ScalePlace::kApart;
    if (apart && !std::isfinite(target_.scale)) {
      throw Error(ErrorCode::kUsage, "weight scale to be stored is not a finite number");
    }
  }

  Loss write_ternary(uint64_t row, const ScaledRows& piece) {
    to_.pack(piece.codes, shape_, row, piece.n_rows, result_.bytes.data());
    const uint64_t group = weights_per_scale(to_, shape_.cols);
    if (group == 0) return loss_of_one_scale(piece, target_.scale);
    scales_.resize(piece.n_rows * (shape_.cols / group));
    const Loss loss = regroup_scales(piece, group, scales_.data());
    write_scales(to_, shape_, scales_.data(), row, piece.n_rows, result_.bytes.data());
    return loss;
  }

  Loss write_floats(uint64_t row, const std::vector<float>& x) {
    const uint64_t cols = shape_.cols;
    const uint64_t n_rows = x.size() / cols;
    if (to_.block_elems > 1) check_finite(x.data(), row, n_rows, cols);
    uint8_t* blocks = result_.bytes.data() + row * (cols / to_.block_elems) * to_.block_bytes;
    to_.encode(x.data(), blocks, x.size());
    Loss loss;
    if (!reader_.ternary()) return loss;
    back_.resize(x.size());
    to_.decode(blocks, back_.data(), x.size());
    if (same_weights(x.data(), back_.data(), x.size())) return loss;
    for (size_t i = 0; i < x.size(); i++) {
      if (back_[i] == x[i]) continue;
      loss.weights_rounded++;
      loss.change(x[i], back_[i]);
    }
    return loss;
  }

  [[noreturn]] void refuse(uint64_t row, uint64_t n_rows, const Loss& loss) const {
    throw Error(ErrorCode::kUnsupported,
                std::string(reader_.rows().format->name) + " to " + to_.name +
                    " is not lossless: in rows " + std::to_string(row) + " to " +
                    std::to_string(row + n_rows - 1) + ", " + loss_text(loss),
                "choose another format, or pass --allow-lossy");
  }

  RowsReader reader_;
  const Format& to_;
  Target target_;
  MatrixShape shape_;
  std::vector<float> scales_;
  std::vector<float> back_;
  ConvertedRows result_;
};

RowsReader float_reader(const Format& format, uint64_t rows, uint64_t cols, const uint8_t* data,
                        size_t data_bytes) {
  if (format.ternary) {
    throw Error(ErrorCode::kUsage, std::string(format.name) + " is not a float format");
  }
  return RowsReader({&format, {rows, cols}, data, data_bytes});
}

bool scale_apart(const Format& format) {
  return !format.ternary || format.scale_place == ScalePlace::kApart;
}

int sign_of(float w) { return static_cast<int>(w > 0.0f) - static_cast<int>(w < 0.0f); }

}  // namespace

ConvertedRows convert(const Rows& rows, const Target& target) {
  return Conversion(rows, target).run();
}

ScaleStats scale_stats(const Rows& rows) {
  const RowsReader reader(rows);
  if (!reader.ternary()) {
    throw Error(ErrorCode::kUsage, std::string(rows.format->name) + " numbers have no scales");
  }
  TernaryPiece piece(reader);
  ScaleStats stats;
  for_each_piece(rows, 1,
                 [&](uint64_t row, uint64_t n_rows) { stats.add(piece.read(row, n_rows)); });
  return stats;
}

RowsDifference compare_rows(const Rows& a, const Rows& b) {
  if (a.shape.rows != b.shape.rows || a.shape.cols != b.shape.cols) {
    throw Error(ErrorCode::kUsage, "only rows of the same shape can be compared");
  }
  const RowsReader reader_a(a);
  const RowsReader reader_b(b);
  FloatPiece piece_a(reader_a);
  FloatPiece piece_b(reader_b);
  RowsDifference difference;
  Loss loss;
  for_each_piece(a, unpack_multiple(*b.format), [&](uint64_t row, uint64_t n_rows) {
    const std::vector<float>& x = piece_a.read(row, n_rows);
    const std::vector<float>& y = piece_b.read(row, n_rows);
    if (same_weights(x.data(), y.data(), x.size())) return;
    for (size_t i = 0; i < x.size(); i++) {
      if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
      difference.n_trits += sign_of(x[i]) != sign_of(y[i]) ? 1 : 0;
      difference.n_weights++;
      loss.change(x[i], y[i]);
    }
  });
  difference.max_relative = loss.max_relative;
  return difference;
}

TernaryRows unpack_rows(const Rows& rows, uint64_t row_begin, uint64_t n_rows) {
  const RowsReader reader(rows);
  if (!reader.ternary()) {
    throw Error(ErrorCode::kUsage, std::string(rows.format->name) + " numbers have no codes");
  }
  if (row_begin > rows.shape.rows || n_rows > rows.shape.rows - row_begin) {
    throw Error(ErrorCode::kUsage, "rows " + std::to_string(row_begin) + " and " +
                                       std::to_string(n_rows) + " more of " +
                                       std::to_string(rows.shape.rows));
  }
  TernaryRows result;
  result.group = reader.group();
  result.codes.resize(n_rows * rows.shape.cols);
  result.scales.resize(n_rows * (rows.shape.cols / result.group));
  reader.read_ternary(row_begin, n_rows, result.codes.data(), result.scales.data());
  return result;
}

std::vector<uint8_t> convert_rows(const Format& from, const Format& to, uint64_t rows,
                                  uint64_t cols, const uint8_t* data, size_t data_bytes,
                                  float scale, int quarter) {
  Rows in{&from, {rows, cols}, data, data_bytes};
  in.quarter = quarter;
  Target target{&to};
  if (from.ternary != to.ternary) in.scale = target.scale = scale;
  if (to.ternary) in.floats = FloatMeaning::kMasters;
  target.allow_lossy = scale_apart(from) && scale_apart(to);
  return std::move(convert(in, target).bytes);
}

double abs_sum_rows(const Format& from, uint64_t rows, uint64_t cols, const uint8_t* data,
                    size_t data_bytes) {
  const RowsReader reader = float_reader(from, rows, cols, data, data_bytes);
  std::vector<float> x(cols);
  double sum = 0.0;
  for (uint64_t row = 0; row < rows; row++) {
    reader.read_floats(row, 1, x.data());
    sum += abs_sum(x.data(), cols);
  }
  return sum;
}

TernaryCheck check_ternary_rows(const Format& from, uint64_t rows, uint64_t cols,
                                const uint8_t* data, size_t data_bytes) {
  const RowsReader reader = float_reader(from, rows, cols, data, data_bytes);
  std::vector<float> x(cols);
  TernaryCheck all{0.0f, true};
  for (uint64_t row = 0; row < rows; row++) {
    reader.read_floats(row, 1, x.data());
    const TernaryCheck one = check_ternary(x.data(), cols);
    const bool same = one.max_abs == all.max_abs || one.max_abs == 0.0f || all.max_abs == 0.0f;
    all.ternary = all.ternary && one.ternary && same;
    all.max_abs = one.max_abs > all.max_abs || std::isnan(one.max_abs) ? one.max_abs : all.max_abs;
  }
  return all;
}

}  // namespace bitnet

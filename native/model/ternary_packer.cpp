#include "model/ternary_packer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/half.h"
#include "formats/rows.h"

namespace bitnet {
namespace {

constexpr uint64_t kGroupBytes = kTernaryGroup / 4;
/// Code 1 in all four positions of a byte: zero weights, the padding of rows and columns.
constexpr uint8_t kZeroWeights = 0x55;
/// Rows whose scales lie together; also the unit of the per-block kernels.
constexpr uint64_t kScaleRows = 16;
/// Group sizes that the kernels know, best first.
constexpr uint32_t kGroups[] = {128, 64};

uint64_t round_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

Error unsupported(const TensorSpec& spec, const std::string& what) {
  return Error(ErrorCode::kUnsupported, "tensor " + spec.name + ": " + what);
}

/// Codes of one row, one a byte -> 128-weight groups, padded with zero weights.
void pack_row(const uint8_t* codes, uint64_t k, uint64_t k_padded, uint8_t* out) {
  for (uint64_t begin = 0; begin < k_padded; begin += kTernaryGroup, out += kGroupBytes) {
    uint8_t group[kTernaryGroup];
    std::memset(group, 1, sizeof group);
    if (begin < k) std::memcpy(group, codes + begin, std::min<uint64_t>(k - begin, kTernaryGroup));
    for (uint64_t j = 0; j < kGroupBytes; ++j) {
      out[j] = static_cast<uint8_t>(group[j] << 6 | group[j + 32] << 4 | group[j + 64] << 2 |
                                    group[j + 96]);
    }
  }
}

/// A whole tensor as codes and scales, whatever it was.
struct Unpacked {
  std::vector<uint8_t> codes;  // [rows, cols]
  std::vector<float> scales;   // [rows, cols / group]
  uint64_t group;
};

Rows rows_of(const TensorSpec& spec, const uint8_t* payload, float scale) {
  const MatrixShape shape = {spec.rows, spec.cols, spec.tile};
  Rows rows = {spec.format, shape, payload, payload_bytes(*spec.format, shape)};
  rows.scale = scale;
  return rows;
}

/// The scale of master weights: mean |w|, summed row by row.
float absmean(const RowsReader& reader) {
  constexpr double kSmallest = 1e-5;
  const MatrixShape& shape = reader.rows().shape;
  std::vector<float> row(shape.cols);
  double sum = 0.0;
  for (uint64_t r = 0; r < shape.rows; ++r) {
    reader.read_floats(r, 1, row.data());
    sum += abs_sum(row.data(), shape.cols);
  }
  const double mean = sum / (static_cast<double>(shape.rows) * static_cast<double>(shape.cols));
  return static_cast<float>(std::max(mean, kSmallest));
}

Unpacked read_all(const Rows& rows) {
  const RowsReader reader(rows);
  Unpacked all = {{}, {}, reader.group()};
  all.codes.resize(rows.shape.rows * rows.shape.cols);
  all.scales.resize(all.codes.size() / all.group);
  reader.read_ternary(0, rows.shape.rows, all.codes.data(), all.scales.data());
  return all;
}

/// The reader does not know the tensor; the message starts with it once, here.
Unpacked read_named(const TensorSpec& spec, const Rows& rows) {
  try {
    return read_all(rows);
  } catch (const Error& error) {
    throw Error(error.code(), "tensor " + spec.name + ": " + error.what(), error.hint());
  }
}

Unpacked unpack_tensor(const TensorSpec& spec, const uint8_t* payload, float scale) {
  Rows rows = rows_of(spec, payload, scale);
  if (spec.format->ternary) return read_named(spec, rows);
  if (spec.absmean) {
    rows.scale = absmean(RowsReader(rows));
    if (!std::isfinite(rows.scale)) {
      throw Error(ErrorCode::kModelFormat,
                  "tensor " + spec.name + ": holds a value that is not a finite number");
    }
    rows.floats = FloatMeaning::kMasters;
    return read_named(spec, rows);
  }
  // Floats that are ternary already: find the groups that share a scale, the largest first.
  rows.floats = FloatMeaning::kUnpacked;
  for (const uint64_t group : {spec.cols, uint64_t{kGroups[0]}, uint64_t{kGroups[1]}}) {
    if (spec.cols % group != 0) continue;
    rows.group = group;
    try {
      return read_named(spec, rows);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
    }
  }
  throw Error(ErrorCode::kUnsupported, "tensor " + spec.name + " is not ternary",
              "convert the checkpoint that it was made from: bitnet convert FOLDER");
}

/// Scales of `from` groups as scales of `to` groups, which must be a multiple or a divisor; nothing
/// when groups with weights other than zero disagree. Groups of zeros agree with anything.
std::optional<std::vector<float>> regroup(const Unpacked& all, uint64_t rows, uint64_t cols,
                                          uint64_t to) {
  std::vector<float> scales(rows * (cols / to), 0.0f);
  std::vector<bool> known(scales.size(), false);
  const uint64_t step = std::min(all.group, to);
  for (uint64_t r = 0; r < rows; ++r) {
    for (uint64_t c = 0; c < cols; c += step) {
      const uint8_t* codes = all.codes.data() + r * cols + c;
      if (std::all_of(codes, codes + step, [](uint8_t code) { return code == 1; })) continue;
      const float scale = all.scales[r * (cols / all.group) + c / all.group];
      const uint64_t at = r * (cols / to) + c / to;
      if (known[at] && scales[at] != scale) return std::nullopt;
      scales[at] = scale;
      known[at] = true;
    }
  }
  return scales;
}

/// Whether rows have different scales; those of zeros have none.
bool differ(const std::vector<float>& row_scales) {
  const auto is_scale = [](float scale) { return scale != 0.0f; };
  const auto first = std::find_if(row_scales.begin(), row_scales.end(), is_scale);
  return std::any_of(first, row_scales.end(),
                     [&](float scale) { return is_scale(scale) && scale != *first; });
}

void store_codes(const TensorSpec& spec, const Unpacked& all, const Linear& linear,
                 uint8_t* codes) {
  const TernaryKernels& kernels = *linear.kernels;
  const uint64_t row_bytes = linear.matrix.k_padded / 4;
  std::vector<uint8_t> block(row_bytes * kernels.n_multiple);
  for (uint64_t first = 0; first < spec.rows; first += kernels.n_multiple) {
    std::memset(block.data(), kZeroWeights, block.size());
    const uint64_t n = std::min<uint64_t>(kernels.n_multiple, spec.rows - first);
    for (uint64_t i = 0; i < n; ++i) {
      pack_row(all.codes.data() + file_row(spec, first + i) * spec.cols, spec.cols,
               linear.matrix.k_padded, block.data() + i * row_bytes);
    }
    uint8_t* out = codes + ternary_bytes(kernels.layout, first, linear.matrix.k_padded);
    if (kernels.pack != nullptr) {
      kernels.pack(block.data(), linear.matrix.k_padded, out);
    } else {
      std::memcpy(out, block.data(), block.size());
    }
  }
}

/// Group scales in the order of the layout.
void store_group_scales(const TensorSpec& spec, const std::vector<float>& scales,
                        const LinearMemory& memory, Linear& linear) {
  TernaryMatrix& w = linear.matrix;
  const uint64_t per_row = w.k_padded / w.group;
  const uint64_t stored = spec.cols / w.group;  // columns are whole groups
  for (uint64_t r = 0; r < spec.rows; ++r) {
    for (uint64_t i = 0; i < stored; ++i) {
      const float scale = scales[file_row(spec, r) * stored + i];
      const uint16_t half = f32_to_f16(scale);
      if (f16_to_f32(half) != scale) {
        throw unsupported(spec, "has a group scale that is not an f16 number");
      }
      const uint64_t at = linear.kernels->layout == TernaryLayout::kRows
                              ? r * per_row + i
                              : (r / kScaleRows * per_row + i) * kScaleRows + r % kScaleRows;
      memory.group_scales[at] = half;
    }
  }
  std::fill_n(memory.row_scales, round_up(spec.rows, kScaleRows), 1.0f);
  w.group_scales = memory.group_scales;
}

}  // namespace

uint64_t padded_rows(const Linear& linear) {
  return round_up(linear.matrix.n, linear.kernels->n_multiple);
}

size_t codes_bytes(const Linear& linear) {
  return ternary_bytes(linear.kernels->layout, padded_rows(linear), linear.matrix.k_padded);
}

size_t row_scales_bytes(const Linear& linear) {
  return round_up(linear.matrix.n, kScaleRows) * sizeof(float);
}

size_t group_scales_bytes(const Linear& linear, const TensorSpec& spec) {
  const bool one_scale =
      spec.absmean ||
      (spec.format->ternary && weights_per_scale(*spec.format, spec.cols) % spec.cols == 0);
  if (one_scale) return 0;
  return round_up(linear.matrix.n, kScaleRows) * (linear.matrix.k_padded / kGroups[1]) *
         sizeof(uint16_t);
}

uint64_t file_row(const TensorSpec& spec, uint64_t row) {
  if (spec.adjacent_heads == 0) return row;
  const uint64_t head_dim = spec.rows / spec.adjacent_heads;
  const uint64_t in_head = row % head_dim;
  const uint64_t half = head_dim / 2;
  return row - in_head + 2 * (in_head % half) + in_head / half;
}

void pack_file_order(const Linear& linear, const uint8_t* rows, uint64_t row_begin, uint64_t n_rows,
                     uint8_t* codes) {
  const TernaryKernels& kernels = *linear.kernels;
  const uint32_t k_padded = linear.matrix.k_padded;
  for (uint64_t row = 0; row < n_rows; row += kernels.n_multiple) {
    kernels.pack(rows + ternary_bytes(TernaryLayout::kRows, row, k_padded), k_padded,
                 codes + ternary_bytes(kernels.layout, row_begin + row, k_padded));
  }
}

void pack_tensor(const TensorSpec& spec, const uint8_t* payload, float scale,
                 const LinearMemory& memory, Linear& linear) {
  const Unpacked all = unpack_tensor(spec, payload, scale);
  store_codes(spec, all, linear, memory.codes);
  TernaryMatrix& w = linear.matrix;
  w.row_scales = memory.row_scales;
  // The coarsest form that holds the scales: formats that say the same must compute the same.
  if (const auto row_scales = regroup(all, spec.rows, spec.cols, spec.cols)) {
    linear.several_scales = differ(*row_scales);
    for (uint64_t r = 0; r < spec.rows; ++r) {
      memory.row_scales[r] = (*row_scales)[file_row(spec, r)];
    }
    return;
  }
  for (const uint32_t group : kGroups) {
    if (spec.cols % group != 0 || (group > all.group && group % all.group != 0)) continue;
    const auto scales = regroup(all, spec.rows, spec.cols, group);
    if (!scales) continue;
    w.group = group;
    linear.several_scales = true;
    return store_group_scales(spec, *scales, memory, linear);
  }
  throw unsupported(spec, "has scales for groups of " + std::to_string(all.group) +
                              " weights, which no kernel computes with");
}

}  // namespace bitnet

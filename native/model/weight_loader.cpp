#include "model/weight_loader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "base/checked_math.h"
#include "base/error.h"
#include "model/ternary_packer.h"

namespace bitnet {
namespace {

/// Bytes of the file handled by one task: large enough to hide its costs, small enough to balance.
constexpr uint64_t kTaskBytes = uint64_t{1} << 20;
/// Code 1 in all four positions of a byte: zero weights, the padding of rows and columns.
constexpr uint8_t kZeroWeights = 0x55;

Error bad_tensor(const TensorSpec& spec, const std::string& what) {
  return Error(ErrorCode::kModelFormat, "tensor " + spec.name + ": " + what);
}

uint64_t round_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// True when some 2-bit code is 3, which no ternary writer produces.
bool has_invalid_code(const uint8_t* bytes, size_t n) {
  uint64_t invalid = 0;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, 8);
    invalid |= word & word >> 1;
  }
  for (; i < n; ++i) invalid |= bytes[i] & bytes[i] >> 1;
  return (invalid & 0x5555555555555555u) != 0;
}

std::optional<HeadType> head_type(const Format& format) {
  static constexpr struct {
    const char* name;
    HeadType type;
  } kTypes[] = {{"f32", HeadType::kF32},
                {"f16", HeadType::kF16},
                {"bf16", HeadType::kBF16},
                {"q8_0", HeadType::kQ8_0},
                {"q6_k", HeadType::kQ6_K}};
  for (const auto& row : kTypes) {
    if (std::strcmp(row.name, format.name) == 0) return row.type;
  }
  return std::nullopt;
}

}  // namespace

WeightLoader::WeightLoader(Weights& weights, const Weights::Source& source, const Kernels& kernels,
                           const LoadProgress& progress)
    : weights_(weights), source_(source), kernels_(kernels), progress_(progress) {
  for (const auto& path : *source.files) weights.files_.emplace_back(path);
  if (source.mmap) {
    for (const auto& file : weights.files_) weights.maps_.emplace_back(file);
  }
  for (const auto& spec : *source.tensors) tensors_[spec.name] = &spec;
}

const TensorSpec& WeightLoader::find(const std::string& name, uint64_t rows, uint64_t cols) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw Error(ErrorCode::kModelFormat, "tensor " + name + " is missing");
  }
  const TensorSpec& spec = *found->second;
  if (spec.rows != rows || spec.cols != cols) {
    throw bad_tensor(spec, "shape is [" + std::to_string(spec.rows) + ", " +
                               std::to_string(spec.cols) + "], the model needs [" +
                               std::to_string(rows) + ", " + std::to_string(cols) + "]");
  }
  check_range(spec);
  return spec;
}

/// The bytes are there, and as many as the shape needs.
void WeightLoader::check_range(const TensorSpec& spec) const {
  const MatrixShape shape = {spec.rows, spec.cols, spec.tile};
  if (const char* problem = misfit(*spec.format, shape)) {
    throw bad_tensor(spec, std::string("as ") + spec.format->name + ", " + problem);
  }
  const uint64_t payload = payload_bytes(*spec.format, shape);
  if (spec.file >= weights_.files_.size()) throw bad_tensor(spec, "names a file that is not there");
  const auto end = checked_add(spec.offset, spec.bytes);
  if (spec.bytes < payload + spec.format->tail_bytes || !end ||
      *end > weights_.files_[spec.file].size()) {
    throw bad_tensor(spec, "reaches beyond its file (truncated?)");
  }
}

const uint8_t* WeightLoader::mapped(const TensorSpec& spec) const {
  return source_.mmap ? weights_.maps_[spec.file].data() + spec.offset : nullptr;
}

void WeightLoader::read(const TensorSpec& spec, uint64_t begin, uint64_t bytes,
                        uint8_t* out) const {
  weights_.files_[spec.file].read_at(spec.offset + begin, out, bytes);
}

void WeightLoader::norm(const std::string& name, uint64_t n, const float** out) {
  const TensorSpec& spec = find(name, 1, n);
  if (spec.format->decode == nullptr) throw bad_tensor(spec, "a norm cannot be ternary");
  pieces_.push_back({n * sizeof(float), [this, &spec, n, out](uint8_t* memory) {
                       auto* values = reinterpret_cast<float*>(memory);
                       *out = values;
                       tasks_.push_back({spec.bytes, [this, &spec, n, values](auto& buffer) {
                                           buffer.resize(spec.bytes);
                                           read(spec, 0, spec.bytes, buffer.data());
                                           spec.format->decode(buffer.data(), values, n);
                                           for (uint64_t i = 0; i < n; ++i) {
                                             if (spec.plus_one) values[i] += 1.0f;
                                             if (!std::isfinite(values[i])) {
                                               throw bad_tensor(spec,
                                                                "holds a value that is not "
                                                                "a finite number");
                                             }
                                           }
                                         }});
                     }});
}

void WeightLoader::optional_norm(const std::string& name, uint64_t n, const float** out) {
  if (has(name)) norm(name, n, out);
}

void WeightLoader::vocab_matrix(const std::string& name, uint64_t rows, uint64_t cols, bool copy,
                                VocabMatrix* out) {
  const TensorSpec& spec = find(name, rows, cols);
  if (spec.format->ternary) return plan_linear(spec, &out->ternary);
  const auto type = head_type(*spec.format);
  if (!type) return expand_vocab_matrix(spec, out);
  out->type = *type;
  out->format = spec.format;
  out->matrix = {nullptr, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols),
                 payload_bytes(*spec.format, 1, cols)};
  const uint8_t* in_place = mapped(spec);
  if (in_place != nullptr && reinterpret_cast<uintptr_t>(in_place) % alignof(float) == 0) {
    out->matrix.data = in_place;
    return;
  }
  if (copy && *type == HeadType::kF16 && has_coarse_rows(out->matrix.k)) {
    return copy_with_coarse(spec, out);
  }
  const uint64_t bytes = payload_bytes(*spec.format, rows, cols);
  pieces_.push_back({bytes, [this, &spec, bytes, out](uint8_t* memory) {
                       out->matrix.data = memory;
                       for (uint64_t begin = 0; begin < bytes; begin += kTaskBytes) {
                         const uint64_t part = std::min(kTaskBytes, bytes - begin);
                         tasks_.push_back({part, [this, &spec, begin, part, memory](auto&) {
                                             read(spec, begin, part, memory + begin);
                                           }});
                       }
                     }});
}

/// The matrix, its coarse copy and the copy's bounds, made while the rows are at hand.
void WeightLoader::copy_with_coarse(const TensorSpec& spec, VocabMatrix* out) {
  const HeadMatrix& m = out->matrix;
  const size_t copy_bytes = coarse_row_bytes(m.k);
  const size_t at_copy = PageArena::round_up(m.n * m.row_bytes);
  const size_t at_error = at_copy + PageArena::round_up(m.n * copy_bytes);
  const size_t at_norm = at_error + PageArena::round_up(m.n * sizeof(float));
  pieces_.push_back({at_norm + m.n * sizeof(float), [=, this, &spec](uint8_t* memory) {
                       auto* error = reinterpret_cast<float*>(memory + at_error);
                       auto* norm = reinterpret_cast<float*>(memory + at_norm);
                       uint8_t* copy = memory + at_copy;
                       HeadMatrix& matrix = out->matrix;
                       matrix.data = memory;
                       out->coarse = {{copy, matrix.n, matrix.k, copy_bytes}, error, norm};
                       const uint64_t row_bytes = matrix.row_bytes;
                       const uint32_t k = matrix.k;
                       const uint64_t step = std::max<uint64_t>(1, kTaskBytes / row_bytes);
                       for (uint64_t row = 0; row < spec.rows; row += step) {
                         const uint64_t n = std::min(step, spec.rows - row);
                         tasks_.push_back({n * row_bytes, [=, this, &spec](auto&) {
                                             uint8_t* rows = memory + row * row_bytes;
                                             read(spec, row * row_bytes, n * row_bytes, rows);
                                             copy_coarse_rows(kernels_.table, rows, k, n,
                                                              copy + row * copy_bytes, error + row,
                                                              norm + row);
                                           }});
                       }
                     }});
}

/// Formats that no head kernel reads (Q4_0, Q4_K, Q5_0) become F32, which holds their values
/// exactly.
void WeightLoader::expand_vocab_matrix(const TensorSpec& spec, VocabMatrix* out) {
  if (spec.format->decode == nullptr) {
    throw Error(ErrorCode::kUnsupported, "tensor " + spec.name + ": " + spec.format->name +
                                             " is not supported for embeddings and heads");
  }
  const uint64_t row_bytes = payload_bytes(*spec.format, 1, spec.cols);
  out->type = HeadType::kF32;
  out->format = find_format("f32");
  out->matrix = {nullptr, static_cast<uint32_t>(spec.rows), static_cast<uint32_t>(spec.cols),
                 spec.cols * sizeof(float)};
  pieces_.push_back(
      {spec.rows * out->matrix.row_bytes, [this, &spec, out, row_bytes](uint8_t* memory) {
         out->matrix.data = memory;
         const uint64_t step = std::max<uint64_t>(1, kTaskBytes / row_bytes);
         for (uint64_t row = 0; row < spec.rows; row += step) {
           const uint64_t n = std::min(step, spec.rows - row);
           tasks_.push_back({n * row_bytes, [=, this, &spec](std::vector<uint8_t>& buffer) {
                               buffer.resize(n * row_bytes);
                               read(spec, row * row_bytes, n * row_bytes, buffer.data());
                               auto* floats = reinterpret_cast<float*>(memory) + row * spec.cols;
                               spec.format->decode(buffer.data(), floats, n * spec.cols);
                             }});
         }
       }});
}

float WeightLoader::stored_scale(const TensorSpec& spec) const {
  float scale = spec.scale;
  if (spec.format->tail_bytes >= sizeof scale) {
    uint8_t bytes[sizeof scale];
    read(spec, payload_bytes(*spec.format, {spec.rows, spec.cols, spec.tile}), sizeof scale, bytes);
    std::memcpy(&scale, bytes, sizeof scale);
  }
  if (!std::isfinite(scale)) throw bad_tensor(spec, "its scale is not a finite number");
  return scale;
}

void WeightLoader::linear(const std::string& name, uint64_t rows, uint64_t cols, Linear* out) {
  plan_linear(find(name, rows, cols), out);
  read_adapters(name, out);
}

std::vector<float> WeightLoader::read_floats(const TensorSpec& spec) const {
  check_range(spec);
  if (spec.format->decode == nullptr) throw bad_tensor(spec, "an adapter cannot be ternary");
  std::vector<uint8_t> bytes(spec.bytes);
  read(spec, 0, spec.bytes, bytes.data());
  std::vector<float> values(spec.rows * spec.cols);
  spec.format->decode(bytes.data(), values.data(), values.size());
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
    throw bad_tensor(spec, "holds a value that is not a finite number");
  }
  return values;
}

void WeightLoader::read_adapters(const std::string& target, Linear* linear) {
  constexpr uint64_t kMaxRank = 4096;
  for (const AdapterSpec& adapter : *source_.adapters) {
    if (adapter.target != target) continue;
    adapted_.insert(target);
    const TernaryMatrix& w = linear->matrix;
    const uint64_t rank = adapter.a.rows;
    if (adapter.a.cols != w.k || adapter.b.rows != w.n || adapter.b.cols != rank || rank == 0 ||
        rank > kMaxRank) {
      throw bad_tensor(adapter.a, "an adapter of [" + std::to_string(adapter.b.rows) + ", " +
                                      std::to_string(adapter.b.cols) + "] x [" +
                                      std::to_string(rank) + ", " + std::to_string(adapter.a.cols) +
                                      "] does not fit " + target + " [" + std::to_string(w.n) +
                                      ", " + std::to_string(w.k) + "]");
    }
    const uint64_t padded = round_up(rank, 16);
    LowRank update = {static_cast<uint32_t>(rank), static_cast<uint32_t>(padded),
                      read_floats(adapter.a), std::vector<float>(w.n * padded, 0.0f)};
    const std::vector<float> b = read_floats(adapter.b);
    for (uint64_t r = 0; r < w.n; ++r) {
      const float* row = b.data() + file_row(adapter.b, r) * rank;
      for (uint64_t i = 0; i < rank; ++i) update.b[r * padded + i] = row[i] * adapter.scale;
    }
    weights_.max_rank_padded = std::max(weights_.max_rank_padded, update.rank_padded);
    linear->adapters.push_back(std::move(update));
  }
}

void WeightLoader::plan_linear(const TensorSpec& spec, Linear* out) {
  const uint64_t k_padded = round_up(spec.cols, kTernaryGroup);
  out->matrix = {nullptr,
                 nullptr,
                 nullptr,
                 static_cast<uint32_t>(spec.rows),
                 static_cast<uint32_t>(spec.cols),
                 static_cast<uint32_t>(k_padded),
                 0};
  linears_.push_back(out);
  const bool file_order = std::strcmp(spec.format->name, "i2_s") == 0 &&
                          spec.cols % kTernaryGroup == 0 && spec.adjacent_heads == 0;
  const bool in_place = file_order && source_.mmap;
  out->kernels = &choose_ternary(kernels_, in_place ? WeightForm::kInPlace : source_.form);
  const float scale = spec.format->ternary ? stored_scale(spec) : 0.0f;

  const size_t codes = in_place ? 0 : PageArena::round_up(codes_bytes(*out));
  const size_t row_scales = PageArena::round_up(row_scales_bytes(*out));
  const size_t groups = file_order ? 0 : group_scales_bytes(*out, spec);
  pieces_.push_back({codes + row_scales + groups, [=, this, &spec](uint8_t* memory) {
                       auto* scales = reinterpret_cast<float*>(memory + codes);
                       out->matrix.data = in_place ? mapped(spec) : memory;
                       out->matrix.row_scales = scales;
                       if (file_order) {
                         std::fill_n(scales, row_scales / sizeof(float), scale);
                         if (!in_place) copy_file_order(spec, *out, memory);
                         return;
                       }
                       auto* halves = reinterpret_cast<uint16_t*>(memory + codes + row_scales);
                       const LinearMemory parts = {memory, scales, groups == 0 ? nullptr : halves};
                       tasks_.push_back({spec.bytes, [=, this, &spec](auto& buffer) {
                                           buffer.resize(spec.bytes);
                                           read(spec, 0, spec.bytes, buffer.data());
                                           pack_tensor(spec, buffer.data(), scale, parts, *out);
                                         }});
                     }});
}

/// Plans the copy of a tensor whose bytes are in kRows order already.
void WeightLoader::copy_file_order(const TensorSpec& spec, const Linear& linear, uint8_t* codes) {
  const TernaryKernels& kernels = *linear.kernels;
  const uint64_t row_bytes = linear.matrix.k_padded / 4;
  const uint64_t rows_per_task =
      round_up(std::max<uint64_t>(1, kTaskBytes / row_bytes), kernels.n_multiple);
  for (uint64_t first = 0; first < spec.rows; first += rows_per_task) {
    const uint64_t n = std::min(rows_per_task, spec.rows - first);
    const uint64_t bytes = n * row_bytes;
    const uint64_t padded = round_up(n, kernels.n_multiple) * row_bytes;
    tasks_.push_back({bytes, [=, this, &spec, &linear](std::vector<uint8_t>& buffer) {
                        uint8_t* rows = codes + first * row_bytes;
                        if (kernels.pack != nullptr) {
                          buffer.resize(padded);
                          rows = buffer.data();
                        }
                        read(spec, first * row_bytes, bytes, rows);
                        if (has_invalid_code(rows, bytes)) {
                          throw bad_tensor(spec, "holds codes that are not ternary");
                        }
                        std::memset(rows + bytes, kZeroWeights, padded - bytes);
                        if (kernels.pack == nullptr) return;
                        pack_file_order(linear, rows, first, padded / row_bytes, codes);
                      }});
  }
}

void WeightLoader::run() {
  for (const AdapterSpec& adapter : *source_.adapters) {
    if (adapted_.contains(adapter.target)) continue;
    throw Error(ErrorCode::kModelFormat,
                "the adapter changes " + adapter.target + ", which this model does not have");
  }
  size_t total = 0;
  for (const Piece& piece : pieces_) total += PageArena::round_up(piece.bytes);
  weights_.arena_ = PageArena(total);
  for (const Piece& piece : pieces_) piece.place(weights_.arena_.take(piece.bytes));

  uint64_t total_bytes = 0;
  for (const Task& task : tasks_) total_bytes += task.bytes;
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  uint64_t done_bytes = 0;
  const auto work = [&] {
    std::vector<uint8_t> buffer;
    for (size_t i = next++; i < tasks_.size(); i = next++) {
      try {
        tasks_[i].copy(buffer);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = tasks_.size();
        return;
      }
      const std::lock_guard lock(mutex);
      done_bytes += tasks_[i].bytes;
      if (progress_) progress_(done_bytes, total_bytes);
    }
  };
  std::vector<std::jthread> helpers;
  for (unsigned i = 1; i < source_.n_threads; ++i) helpers.emplace_back(work);
  work();
  helpers.clear();
  if (failure) std::rethrow_exception(failure);
  weights_.has_several_scales =
      std::any_of(linears_.begin(), linears_.end(),
                  [](const Linear* linear) { return linear->several_scales; });
}

}  // namespace bitnet

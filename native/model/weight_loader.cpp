#include "model/weight_loader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "base/checked_math.h"
#include "base/error.h"

namespace bitnet {
namespace {

/// Bytes of the file handled by one task: large enough to hide its costs, small enough to balance.
constexpr uint64_t kTaskBytes = uint64_t{1} << 20;
constexpr uint64_t kGroupBytes = kTernaryGroup / 4;
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

HeadType head_type(const TensorSpec& spec) {
  static constexpr struct {
    const char* name;
    HeadType type;
  } kTypes[] = {{"f32", HeadType::kF32},
                {"f16", HeadType::kF16},
                {"bf16", HeadType::kBF16},
                {"q8_0", HeadType::kQ8_0},
                {"q6_k", HeadType::kQ6_K}};
  for (const auto& row : kTypes) {
    if (std::strcmp(row.name, spec.format->name) == 0) return row.type;
  }
  throw Error(ErrorCode::kUnsupported, "tensor " + spec.name + ": " + spec.format->name +
                                           " is not supported for embeddings and heads");
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
  const uint64_t payload = payload_bytes(*spec.format, rows, cols);
  if (payload == 0) {
    throw bad_tensor(spec, std::string("its shape does not fit ") + spec.format->name);
  }
  if (spec.file >= weights_.files_.size()) throw bad_tensor(spec, "names a file that is not there");
  const auto end = checked_add(spec.offset, spec.bytes);
  if (spec.bytes < payload + spec.format->tail_bytes || !end ||
      *end > weights_.files_[spec.file].size()) {
    throw bad_tensor(spec, "reaches beyond its file (truncated?)");
  }
  return spec;
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
                                             if (!std::isfinite(values[i])) {
                                               throw bad_tensor(spec,
                                                                "holds a value that is not "
                                                                "a finite number");
                                             }
                                           }
                                         }});
                     }});
}

void WeightLoader::vocab_matrix(const std::string& name, uint64_t rows, uint64_t cols,
                                VocabMatrix* out) {
  const TensorSpec& spec = find(name, rows, cols);
  out->type = head_type(spec);
  out->format = spec.format;
  out->matrix = {nullptr, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols),
                 payload_bytes(*spec.format, 1, cols)};
  const uint8_t* in_place = mapped(spec);
  if (in_place != nullptr && reinterpret_cast<uintptr_t>(in_place) % alignof(float) == 0) {
    out->matrix.data = in_place;
    return;
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

float WeightLoader::stored_scale(const TensorSpec& spec) const {
  float scale = spec.scale;
  if (spec.format->tail_bytes >= sizeof scale) {
    uint8_t bytes[sizeof scale];
    read(spec, payload_bytes(*spec.format, spec.rows, spec.cols), sizeof scale, bytes);
    std::memcpy(&scale, bytes, sizeof scale);
  }
  if (!std::isfinite(scale)) throw bad_tensor(spec, "its scale is not a finite number");
  return scale;
}

void WeightLoader::linear(const std::string& name, uint64_t rows, uint64_t cols, Linear* out) {
  const TensorSpec& spec = find(name, rows, cols);
  const bool file_order = std::strcmp(spec.format->name, "i2_s") == 0 && cols % kTernaryGroup == 0;
  const uint64_t k_padded = round_up(cols, kTernaryGroup);
  out->matrix = {nullptr, static_cast<uint32_t>(rows), static_cast<uint32_t>(cols),
                 static_cast<uint32_t>(k_padded), 0.0f};
  if (spec.format->ternary) out->matrix.scale = stored_scale(spec);
  if (file_order && source_.mmap) {
    const auto in_rows =
        std::find_if(kernels_.ternary.begin(), kernels_.ternary.end(),
                     [](const TernaryKernels* k) { return k->layout == TernaryLayout::kRows; });
    out->kernels = *in_rows;  // scalar has it, so every list does
    out->matrix.data = mapped(spec);
    return;
  }
  out->kernels = kernels_.ternary.front();
  const uint64_t n_padded = round_up(rows, out->kernels->n_multiple);
  pieces_.push_back({n_padded * k_padded / 4, [this, &spec, out, file_order](uint8_t* memory) {
                       out->matrix.data = memory;
                       if (file_order) {
                         copy_file_order(spec, *out, memory);
                         return;
                       }
                       tasks_.push_back({spec.bytes, [this, &spec, out, memory](auto& buffer) {
                                           repack_tensor(spec, out, memory, buffer);
                                         }});
                     }});
}

/// Plans the copy of a tensor whose bytes are in kRows order already.
void WeightLoader::copy_file_order(const TensorSpec& spec, const Linear& linear, uint8_t* memory) {
  const TernaryKernels& kernels = *linear.kernels;
  const uint32_t k_padded = linear.matrix.k_padded;
  const uint64_t row_bytes = k_padded / 4;
  const uint64_t block_bytes = row_bytes * kernels.n_multiple;
  const uint64_t blocks_per_task = std::max<uint64_t>(1, kTaskBytes / block_bytes);
  const uint64_t n_blocks = (spec.rows + kernels.n_multiple - 1) / kernels.n_multiple;
  for (uint64_t first = 0; first < n_blocks; first += blocks_per_task) {
    const uint64_t begin = first * block_bytes;
    const uint64_t padded = std::min(blocks_per_task, n_blocks - first) * block_bytes;
    const uint64_t bytes = std::min(padded, spec.rows * row_bytes - begin);
    tasks_.push_back({bytes, [=, this, &spec, &kernels](std::vector<uint8_t>& buffer) {
                        uint8_t* rows = memory + begin;
                        if (kernels.pack != nullptr) {
                          buffer.resize(padded);
                          rows = buffer.data();
                        }
                        read(spec, begin, bytes, rows);
                        if (has_invalid_code(rows, bytes)) {
                          throw bad_tensor(spec, "holds codes that are not ternary");
                        }
                        std::memset(rows + bytes, kZeroWeights, padded - bytes);
                        if (kernels.pack == nullptr) return;
                        for (uint64_t block = 0; block < padded; block += block_bytes) {
                          kernels.pack(rows + block, k_padded, memory + begin + block);
                        }
                      }});
  }
}

/// Decodes a whole tensor of any other encoding and packs it for the kernels.
void WeightLoader::repack_tensor(const TensorSpec& spec, Linear* linear, uint8_t* memory,
                                 std::vector<uint8_t>& buffer) const {
  buffer.resize(spec.bytes);
  read(spec, 0, spec.bytes, buffer.data());
  const uint64_t cols = spec.cols;
  const uint64_t in_row = spec.format->ternary ? 0 : payload_bytes(*spec.format, 1, cols);
  std::vector<float> floats(spec.format->ternary ? 0 : cols);
  float& scale = linear->matrix.scale;
  if (!spec.format->ternary) {
    double sum = 0.0;
    float largest = 0.0f;
    for (uint64_t r = 0; r < spec.rows; ++r) {
      spec.format->decode(buffer.data() + r * in_row, floats.data(), cols);
      sum += abs_sum(floats.data(), cols);
      largest = std::max(largest, check_ternary(floats.data(), cols).max_abs);
    }
    constexpr double kSmallestScale = 1e-5;
    const double mean = sum / (static_cast<double>(spec.rows) * static_cast<double>(cols));
    scale = spec.absmean ? static_cast<float>(std::max(mean, kSmallestScale)) : largest;
    if (!std::isfinite(scale)) throw bad_tensor(spec, "holds a value that is not a finite number");
  }

  const TernaryKernels& kernels = *linear->kernels;
  const uint32_t k_padded = linear->matrix.k_padded;
  const uint64_t row_bytes = k_padded / 4;
  std::vector<uint8_t> codes(cols);
  std::vector<uint8_t> block(row_bytes * kernels.n_multiple);
  for (uint64_t first = 0; first < spec.rows; first += kernels.n_multiple) {
    std::memset(block.data(), kZeroWeights, block.size());
    const uint64_t n_rows = std::min<uint64_t>(kernels.n_multiple, spec.rows - first);
    for (uint64_t i = 0; i < n_rows; ++i) {
      if (spec.format->ternary) {
        spec.format->unpack(buffer.data(), spec.rows, cols, first + i, 1, codes.data());
      } else {
        spec.format->decode(buffer.data() + (first + i) * in_row, floats.data(), cols);
        if (!spec.absmean) {
          const TernaryCheck check = check_ternary(floats.data(), cols);
          if (!check.ternary || (check.max_abs != scale && check.max_abs != 0.0f)) {
            throw Error(ErrorCode::kUnsupported, "tensor " + spec.name + " is not ternary",
                        "convert the checkpoint it was made from: bitnet convert <directory>");
          }
        }
        ternarise(floats.data(), cols, scale == 0.0f ? 1.0f : scale, codes.data());
      }
      if (*std::max_element(codes.begin(), codes.end()) > 2) {
        throw bad_tensor(spec, "holds codes that are not ternary");
      }
      pack_row(codes.data(), cols, k_padded, block.data() + i * row_bytes);
    }
    uint8_t* out = memory + first * row_bytes;
    if (kernels.pack != nullptr) {
      kernels.pack(block.data(), k_padded, out);
    } else {
      std::memcpy(out, block.data(), block.size());
    }
  }
}

void WeightLoader::run() {
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
}

}  // namespace bitnet

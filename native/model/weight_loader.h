#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/weights.h"

namespace bitnet {

/// Fills a Weights object in two steps: plan every tensor (shape checks, memory), then run the
/// planned copies on several threads.
class WeightLoader {
 public:
  WeightLoader(Weights& weights, const Weights::Source& source, const Kernels& kernels,
               const LoadProgress& progress);

  /// Decoded to float at load; `out` is set when the plan runs.
  void norm(const std::string& name, uint64_t n, const float** out);
  /// The same when there is such a tensor.
  void optional_norm(const std::string& name, uint64_t n, const float** out);
  void linear(const std::string& name, uint64_t rows, uint64_t cols, Linear* out);
  /// `copy`: with a coarse copy, if it is F16.
  void vocab_matrix(const std::string& name, uint64_t rows, uint64_t cols, bool copy,
                    VocabMatrix* out);
  bool has(const std::string& name) const { return tensors_.contains(name); }

  /// Allocates once, then copies. Throws what the first failing copy threw.
  void run();

 private:
  /// A copy of part of a tensor. `memory` is the tensor's piece of the arena.
  struct Task {
    uint64_t bytes;  // of the file, for progress
    std::function<void(std::vector<uint8_t>& buffer)> copy;
  };
  /// A tensor's piece of the arena: how much, and what to do once its address is known.
  struct Piece {
    size_t bytes;
    std::function<void(uint8_t* memory)> place;
  };

  const TensorSpec& find(const std::string& name, uint64_t rows, uint64_t cols) const;
  const uint8_t* mapped(const TensorSpec& spec) const;
  void read(const TensorSpec& spec, uint64_t begin, uint64_t bytes, uint8_t* out) const;
  float stored_scale(const TensorSpec& spec) const;
  void plan_linear(const TensorSpec& spec, Linear* out);
  void copy_file_order(const TensorSpec& spec, const Linear& linear, uint8_t* codes);
  void read_adapters(const std::string& target, Linear* linear);
  std::vector<float> read_floats(const TensorSpec& spec) const;
  void check_range(const TensorSpec& spec) const;
  void copy_with_coarse(const TensorSpec& spec, VocabMatrix* out);
  void expand_vocab_matrix(const TensorSpec& spec, VocabMatrix* out);

  Weights& weights_;
  const Weights::Source& source_;
  const Kernels& kernels_;
  const LoadProgress& progress_;
  std::map<std::string, const TensorSpec*> tensors_;
  std::vector<Piece> pieces_;
  std::vector<Task> tasks_;
  std::vector<Linear*> linears_;
  std::set<std::string> adapted_;  // targets of adapters that were found
};

}  // namespace bitnet

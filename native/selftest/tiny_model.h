#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/model.h"
#include "selftest/support.h"
#include "selftest/temp_file.h"

namespace bitnet::selftest {

/// A model file in memory and what its metadata would say; tests damage one or the other.
struct ModelImage {
  Bytes bytes;
  Hparams hparams;
  std::vector<TensorSpec> tensors;

  TensorSpec& tensor(const std::string& name);
  /// Bytes of a tensor.
  uint8_t* data(const std::string& name) { return bytes.data() + tensor(name).offset; }
};

struct TinyOptions {
  const char* linear = "i2_s";
  const char* vocab = "f16";
  bool own_head = false;
  size_t shift = 0;  ///< of every tensor from its multiple of 32 bytes
};

/// Two layers, d_model 128, two query heads per KV head, vocabulary of 300.
Hparams tiny_hparams();
/// Nothing is a multiple of anything: rows of 96 and 160 weights, head_dim 24, one KV head, SiLU.
Hparams crooked_hparams();

/// Random ternary weights, the same for every option.
ModelImage make_tiny_model(const Hparams& hparams, const TinyOptions& options = {});

/// A model written to a temporary file.
class SavedModel {
 public:
  explicit SavedModel(const ModelImage& image);
  ModelSpec spec(bool mmap = false, unsigned n_threads = 1) const;

 private:
  TempFile file_;
  Hparams hparams_;
  std::vector<TensorSpec> tensors_;
};

/// n token ids below vocab_size.
std::vector<int32_t> random_tokens(size_t n, uint32_t vocab_size, uint32_t seed);

}  // namespace bitnet::selftest

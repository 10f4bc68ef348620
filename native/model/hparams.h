#pragma once

#include <cstdint>
#include <string>

namespace bitnet {

enum class Activation : uint8_t { kRelu2, kSilu };

/// Hyper-parameters of a model, in the names of the conventions page.
struct Hparams {
  std::string family;  ///< as in `general.architecture`
  uint32_t n_layers = 0;
  uint32_t d_model = 0;
  uint32_t d_ff = 0;
  uint32_t n_heads = 0;
  uint32_t n_kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t vocab_size = 0;
  uint32_t context_length = 0;
  float rms_norm_eps = 0.0f;
  double rope_theta = 0.0;
  Activation activation = Activation::kRelu2;

  uint32_t d_attention() const { return n_heads * head_dim; }
  uint32_t d_kv() const { return n_kv_heads * head_dim; }
};

/// Throws Error kModelFormat naming the first value that no model can have.
void validate(const Hparams& hparams);

}  // namespace bitnet

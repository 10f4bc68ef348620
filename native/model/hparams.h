#pragma once

#include <cstdint>
#include <string>

namespace bitnet {

enum class Activation : uint8_t { kRelu2, kSilu, kGelu };

/// How the inputs of ternary matrices are represented.
enum class ActivationMode : uint8_t {
  kToken,   ///< int8, one scale per token: what BitNet models are trained with (see Model)
  kBlocks,  ///< int8, one scale per 32 inputs: nearly exact, for models trained with 16 bits
  kFloats,  ///< as they are: slow, the reference for kBlocks
};

/// YaRN: RoPE stretched beyond the length that a model was trained with (arXiv:2309.00071).
struct Yarn {
  double factor = 1.0;  ///< 1: plain RoPE
  double original_context = 0.0;
  double attention_factor = 1.0;  ///< further factor on cos and sin
  double beta_fast = 32.0;
  double beta_slow = 1.0;
};

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
  ActivationMode activation_mode = ActivationMode::kToken;
  Yarn yarn;

  uint32_t d_attention() const { return n_heads * head_dim; }
  uint32_t d_kv() const { return n_kv_heads * head_dim; }
};

/// Throws Error kModelFormat naming the first value that no model can have.
void validate(const Hparams& hparams);

}  // namespace bitnet

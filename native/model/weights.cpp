#include "model/weights.h"

#include "base/half.h"
#include "model/weight_loader.h"

namespace bitnet {

void decode_row(const Linear& linear, uint32_t row, float* out) {
  const TernaryMatrix& w = linear.matrix;
  const bool blocks = linear.kernels->layout == TernaryLayout::kBlocks16;
  constexpr uint32_t kRows = 16;
  const size_t block = size_t{row / kRows} * kRows * (w.k_padded / 4);
  for (uint32_t k = 0; k < w.k; ++k) {
    const uint32_t group = k / kTernaryGroup;
    const uint32_t byte = k % 32;
    const size_t at = blocks
                          ? block + size_t{group} * 512 + byte / 4 * 64 + row % kRows * 4 + byte % 4
                          : size_t{row} * (w.k_padded / 4) + size_t{group} * 32 + byte;
    const int code = w.data[at] >> (6 - 2 * (k % kTernaryGroup / 32)) & 3;
    float scale = w.row_scales[row];
    if (w.group != 0) {
      const size_t per_row = w.k_padded / w.group;
      const size_t i = k / w.group;
      scale = f16_to_f32(w.group_scales[blocks ? (row / kRows * per_row + i) * kRows + row % kRows
                                               : row * per_row + i]);
    }
    out[k] = static_cast<float>(code - 1) * scale;
  }
}

void VocabMatrix::decode(uint32_t token, float* out) const {
  if (format == nullptr) return decode_row(ternary, token, out);
  format->decode(matrix.data + size_t{token} * matrix.row_bytes, out, matrix.k);
}

Weights::Weights(const Source& source, const Hparams& hparams, const Arch& arch,
                 const Kernels& kernels, const LoadProgress& progress) {
  WeightLoader load(*this, source, kernels, progress);
  const uint64_t d_model = hparams.d_model;
  const uint64_t d_ff = hparams.d_ff;
  const uint64_t d_attention = hparams.d_attention();

  layers.resize(hparams.n_layers);
  for (uint32_t i = 0; i < hparams.n_layers; ++i) {
    LayerWeights& layer = layers[i];
    const std::string prefix = "blk." + std::to_string(i) + ".";
    const auto name = [&](const char* part) { return prefix + part + ".weight"; };
    /// A matrix, and the norm of its own input where there is one.
    const auto linear = [&](const char* part, uint64_t rows, uint64_t cols, Linear* out) {
      load.linear(name(part), rows, cols, out);
      load.optional_norm(prefix + part + "_norm_in.weight", cols, &out->input_norm);
    };
    load.norm(name("attn_norm"), d_model, &layer.attn_norm);
    linear("attn_q", d_attention, d_model, &layer.attn_q);
    linear("attn_k", hparams.d_kv(), d_model, &layer.attn_k);
    linear("attn_v", hparams.d_kv(), d_model, &layer.attn_v);
    linear("attn_output", d_model, d_attention, &layer.attn_output);
    load.norm(name("ffn_norm"), d_model, &layer.ffn_norm);
    linear("ffn_gate", d_ff, d_model, &layer.ffn_gate);
    linear("ffn_up", d_ff, d_model, &layer.ffn_up);
    linear("ffn_down", d_model, d_ff, &layer.ffn_down);
    if (arch.sub_norms) {
      load.norm(name("attn_sub_norm"), d_attention, &layer.attn_sub_norm);
      load.norm(name("ffn_sub_norm"), d_ff, &layer.ffn_sub_norm);
    }
    if (arch.head_norms) {
      load.norm(name("attn_q_norm"), hparams.head_dim, &layer.attn_q_norm);
      load.norm(name("attn_k_norm"), hparams.head_dim, &layer.attn_k_norm);
    }
    if (arch.post_norms) {
      load.norm(name("post_attention_norm"), d_model, &layer.attn_post_norm);
      load.norm(name("post_ffw_norm"), d_model, &layer.ffn_post_norm);
    }
  }
  load.norm("output_norm.weight", d_model, &output_norm);
  load.vocab_matrix("token_embd.weight", hparams.vocab_size, d_model, &embedding);
  const bool own_head = load.has("output.weight");
  if (own_head) load.vocab_matrix("output.weight", hparams.vocab_size, d_model, &head);
  load.run();
  if (!own_head) head = embedding;
}

}  // namespace bitnet

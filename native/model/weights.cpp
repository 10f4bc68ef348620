#include "model/weights.h"

#include "base/half.h"
#include "model/weight_loader.h"

namespace bitnet {

namespace {

/// Rows that a block holds, in the layouts that have blocks.
constexpr uint32_t kBlockRows = 16;

/// Code i (0..4) of a byte in a compact layout.
int digit_of(TernaryLayout layout, uint32_t byte, uint32_t i) {
  // ceil(256 c / 243) and 85 c0 + (c mod 81) back to c.
  uint32_t number = layout == TernaryLayout::kFives16 ? byte * 243 / 256 : byte - byte / 85 * 4;
  for (; i < 4; ++i) number /= 3;
  return static_cast<int>(number % 3);
}

/// Code of weight (row, k), see TernaryLayout.
int code_at(const TernaryMatrix& w, TernaryLayout layout, uint32_t row, uint32_t k) {
  const uint32_t block_row = row / kBlockRows * kBlockRows;
  const uint32_t lane = row % kBlockRows;
  const uint8_t* block = w.data + ternary_bytes(layout, block_row, w.k_padded);
  if (is_compact(layout)) {
    const uint32_t byte = block[size_t{k / kFivesWeights} * 64 + lane * 4 + k % 4];
    return digit_of(layout, byte, k % kFivesWeights / 4);
  }
  if (layout == TernaryLayout::kQuads16) {
    const uint32_t byte = block[size_t{k / 4} * 16 + lane % 4 * 4 + k % 4];
    return (byte + 64) >> (6 - 2 * (lane / 4)) & 3;
  }
  const size_t group = k / kTernaryGroup;
  const uint32_t byte = k % 32;
  const size_t at = layout == TernaryLayout::kBlocks16
                        ? group * 512 + byte / 4 * 64 + lane * 4 + byte % 4
                        : lane * size_t{w.k_padded / 4} + group * 32 + byte;
  return block[at] >> (6 - 2 * (k % kTernaryGroup / 32)) & 3;
}

float scale_at(const TernaryMatrix& w, TernaryLayout layout, uint32_t row, uint32_t k) {
  if (w.group == 0) return w.row_scales[row];
  const size_t per_row = w.k_padded / w.group;
  const size_t i = k / w.group;
  const size_t at = layout == TernaryLayout::kRows
                        ? row * per_row + i
                        : (row / kBlockRows * per_row + i) * kBlockRows + row % kBlockRows;
  return f16_to_f32(w.group_scales[at]);
}

}  // namespace

void decode_row(const Linear& linear, uint32_t row, float* out) {
  const TernaryMatrix& w = linear.matrix;
  const TernaryLayout layout = linear.kernels->layout;
  for (uint32_t k = 0; k < w.k; ++k) {
    out[k] = static_cast<float>(code_at(w, layout, row, k) - 1) * scale_at(w, layout, row, k);
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
  const bool own_head = load.has("output.weight");
  const bool copy = source.head_copy;
  load.vocab_matrix("token_embd.weight", hparams.vocab_size, d_model, copy && !own_head,
                    &embedding);
  if (own_head) load.vocab_matrix("output.weight", hparams.vocab_size, d_model, copy, &head);
  load.run();
  if (!own_head) head = embedding;
}

}  // namespace bitnet

#include "model/weights.h"

#include "model/weight_loader.h"

namespace bitnet {

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
    load.norm(name("attn_norm"), d_model, &layer.attn_norm);
    load.linear(name("attn_q"), d_attention, d_model, &layer.attn_q);
    load.linear(name("attn_k"), hparams.d_kv(), d_model, &layer.attn_k);
    load.linear(name("attn_v"), hparams.d_kv(), d_model, &layer.attn_v);
    load.linear(name("attn_output"), d_model, d_attention, &layer.attn_output);
    load.norm(name("ffn_norm"), d_model, &layer.ffn_norm);
    load.linear(name("ffn_gate"), d_ff, d_model, &layer.ffn_gate);
    load.linear(name("ffn_up"), d_ff, d_model, &layer.ffn_up);
    load.linear(name("ffn_down"), d_model, d_ff, &layer.ffn_down);
    if (arch.sub_norms) {
      load.norm(name("attn_sub_norm"), d_attention, &layer.attn_sub_norm);
      load.norm(name("ffn_sub_norm"), d_ff, &layer.ffn_sub_norm);
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

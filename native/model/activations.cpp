#include "model/activations.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace bitnet {
namespace {

template <class T>
constexpr T round_up(T value, T multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Whole cache lines of floats.
size_t line_stride(size_t n) { return round_up(n, PageArena::kAlign / sizeof(float)); }

/// Collects requests, then takes them from one arena.
class Layout {
 public:
  template <class T>
  void add(T*& pointer, size_t n) {
    const size_t bytes = std::max<size_t>(n, 1) * sizeof(T);
    total_ += PageArena::round_up(bytes);
    takes_.push_back(
        [&pointer, bytes](PageArena& arena) { pointer = reinterpret_cast<T*>(arena.take(bytes)); });
  }
  PageArena take() const {
    PageArena arena(total_);
    for (const auto& take : takes_) take(arena);
    return arena;
  }

 private:
  size_t total_ = 0;
  std::vector<std::function<void(PageArena&)>> takes_;
};

}  // namespace

Activations::Activations(const Model& model, uint32_t batch_size, unsigned n_threads) {
  const Hparams& h = model.hparams;
  const size_t n = batch_size;
  const size_t d_attention = h.d_attention();
  const size_t widest = std::max({size_t{h.d_model}, size_t{h.d_ff}, d_attention});
  const uint32_t k_padded = round_up(static_cast<uint32_t>(widest), kTernaryGroup);
  size_t ternary_scratch = 0;
  size_t tile = 1;
  for (const TernaryKernels* kernels : model.kernels.ternary) {
    ternary_scratch = std::max(ternary_scratch, kernels->scratch_bytes(k_padded));
    tile = std::max<size_t>(tile, kernels->m_tile);
  }
  const size_t attention_rows = size_t{kAttentionTokens} * (h.n_heads / h.n_kv_heads);
  const size_t attention_scratch =
      attention_scratch_floats(attention_rows, h.head_dim) * sizeof(float);

  model_stride = line_stride(h.d_model);
  attention_stride = line_stride(d_attention);
  kv_stride = line_stride(h.d_kv());
  ff_stride = line_stride(h.d_ff);
  rope_stride = line_stride(h.head_dim / 2);
  codes_stride = k_padded;
  head_stride = round_up<size_t>(h.d_model, kHeadBlock);
  row_stride_ = line_stride(widest);
  scratch_stride_ = PageArena::round_up(std::max(ternary_scratch, attention_scratch));

  Layout layout;
  layout.add(x, n * model_stride);
  layout.add(out, n * model_stride);
  layout.add(q, n * attention_stride);
  layout.add(k, n * kv_stride);
  layout.add(v, n * kv_stride);
  layout.add(attended, n * attention_stride);
  layout.add(gate, n * ff_stride);
  layout.add(up, n * ff_stride);
  layout.add(cos, n * rope_stride);
  layout.add(sin, n * rope_stride);
  layout.add(codes, n * codes_stride);
  layout.add(scales, n);
  layout.add(sums, n);
  const bool blocks = model.activation_mode == ActivationMode::kBlocks;
  const bool adapted = model.weights.max_rank_padded > 0;
  const bool whole = adapted || model.activation_mode == ActivationMode::kFloats;
  layout.add(block_scales, blocks ? n * codes_stride / kActivationBlock : 0);
  layout.add(block_sums, blocks ? n * codes_stride / kActivationBlock : 0);
  layout.add(floats, whole ? n * codes_stride : 0);
  update_stride = line_stride(widest);
  layout.add(low_rank, n * model.weights.max_rank_padded);
  layout.add(update, adapted ? n * update_stride : 0);
  layout.add(packed, round_up(n, tile) * k_padded);
  layout.add(head_x, kHeadRows * model_stride);
  layout.add(head_codes, kHeadRows * head_stride);
  layout.add(head_d, kHeadRows * head_stride / kHeadBlock);
  const bool has_copy = model.weights.head.coarse.error != nullptr;
  layout.add(coarse, has_copy ? size_t{2 * kCoarseRows} * h.vocab_size : 0);
  layout.add(rows_, n_threads * row_stride_);
  layout.add(scratch_, n_threads * scratch_stride_);
  arena_ = layout.take();
}

}  // namespace bitnet

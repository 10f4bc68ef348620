#pragma once

#include <cstddef>
#include <cstdint>

#include "base/pages.h"
#include "model/model.h"

namespace bitnet {

/// Working memory of one forward pass over at most `batch_size` tokens. Row strides are in
/// elements and whole cache lines; `[n]` in comments is the batch size.
class Activations {
 public:
  /// Rows of logits computed together at most.
  static constexpr uint32_t kHeadRows = 32;
  /// Of these, rows whose coarse products are computed together at most: for more, the copy of the
  /// head would be read no faster than the head.
  static constexpr uint32_t kCoarseRows = 4;
  /// Query positions of one attention task at most.
  static constexpr uint32_t kAttentionTokens = 32;

  /// Throws Error kResource.
  Activations(const Model& model, uint32_t batch_size, unsigned n_threads);

  size_t bytes() const noexcept { return arena_.block().bytes(); }

  size_t model_stride;      // of x, out
  size_t attention_stride;  // of q, attended
  size_t kv_stride;         // of k, v
  size_t ff_stride;         // of gate, up
  size_t rope_stride;       // of cos, sin
  size_t codes_stride;      // of codes

  float* x;         // [n, d_model] the residual stream
  float* out;       // [n, d_model] what a block adds to it
  float* q;         // [n, n_heads * head_dim]
  float* k;         // [n, n_kv_heads * head_dim]
  float* v;         // [n, n_kv_heads * head_dim]
  float* attended;  // [n, n_heads * head_dim]
  float* gate;      // [n, d_ff]
  float* up;        // [n, d_ff]
  float* cos;       // [n, head_dim / 2]
  float* sin;       // [n, head_dim / 2]

  int8_t* codes;        // [n, codes_stride] quantised input of the next BitLinear
  float* scales;        // [n]
  int32_t* sums;        // [n]
  float* block_scales;  // [n, codes_stride / kActivationBlock]
  int32_t* block_sums;  // [n, codes_stride / kActivationBlock]
  float* floats;        // [n, codes_stride] the same input as it is, for kFloats and adapters
  float* low_rank;      // [n, max_rank_padded] a . x of an adapter
  float* update;        // [n, update_stride] b . a . x
  size_t update_stride;
  int8_t* packed;  // [n rounded up to a tile, k_padded] the same as the gemm kernel wants it

  float* head_x;        // [kHeadRows, model_stride]
  uint8_t* head_codes;  // [kHeadRows, head_stride]
  float* head_d;        // [kHeadRows, head_stride / kHeadBlock]
  size_t head_stride;   // of head_codes
  float* coarse;        // [2 kCoarseRows, vocab_size] when the head has a coarse copy

  /// Per thread: one normed row and the scratch of the gemm and attention kernels.
  float* row(unsigned i_thread) const { return rows_ + i_thread * row_stride_; }
  uint8_t* scratch(unsigned i_thread) const { return scratch_ + i_thread * scratch_stride_; }

 private:
  PageArena arena_;
  float* rows_;
  size_t row_stride_;
  uint8_t* scratch_;
  size_t scratch_stride_;
};

}  // namespace bitnet

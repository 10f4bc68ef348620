#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/pages.h"
#include "formats/format.h"
#include "kernels/dispatch.h"
#include "model/arch.h"
#include "model/coarse_head.h"
#include "model/hparams.h"

namespace bitnet {

/// Where the bytes of one tensor lie and how they are to be read.
struct TensorSpec {
  std::string name;
  const Format* format = nullptr;
  uint64_t rows = 0;
  uint64_t cols = 0;
  uint32_t file = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  float scale = 0.0f;    ///< of ternary formats that keep it outside their bytes
  bool absmean = false;  ///< float master weights, to be ternarised with scale = mean|w|
  TileParams tile = {};  ///< of formats that are cut into tiles
  /// Heads whose rows are in adjacent-pair order and are to be put into rotate-half order: row
  /// (h, j * d/2 + i) of the matrix is row (h, 2i + j) of the file. 0: as they are.
  uint32_t adjacent_heads = 0;
  bool plus_one = false;  ///< a norm whose weights are stored less 1
};

/// A low-rank update of a matrix (LoRA, arXiv:2106.09685): y += b . (a . x), in floats, on the
/// input before it is quantised.
struct LowRank {
  uint32_t rank;
  uint32_t rank_padded;  ///< a multiple of 16
  std::vector<float> a;  // [rank, k]
  std::vector<float> b;  // [n, rank_padded], the adapter's scale included
};

struct Linear {
  TernaryMatrix matrix = {};
  const TernaryKernels* kernels = nullptr;
  const float* input_norm = nullptr;  ///< [k] RMS norm of this matrix's own input; null: none
  bool several_scales = false;        ///< for rows, or for groups of weights in them
  std::vector<LowRank> adapters;
};

/// One row as floats [matrix.k].
void decode_row(const Linear& linear, uint32_t row, float* out);

/// Null where the family or the file has no such tensor.
/// An adapter of one matrix: a [rank, k] and b [n, rank], float formats.
struct AdapterSpec {
  std::string target;  ///< name of the matrix, e.g. "blk.0.attn_q.weight"
  float scale = 1.0f;
  TensorSpec a;
  TensorSpec b;
};

struct LayerWeights {
  const float* attn_norm = nullptr;       // [d_model]
  Linear attn_q;                          // [n_heads * head_dim, d_model]
  Linear attn_k;                          // [n_kv_heads * head_dim, d_model]
  Linear attn_v;                          // [n_kv_heads * head_dim, d_model]
  const float* attn_q_norm = nullptr;     // [head_dim]
  const float* attn_k_norm = nullptr;     // [head_dim]
  const float* attn_sub_norm = nullptr;   // [n_heads * head_dim]
  Linear attn_output;                     // [d_model, n_heads * head_dim]
  const float* attn_post_norm = nullptr;  // [d_model]
  const float* ffn_norm = nullptr;        // [d_model]
  Linear ffn_gate;                        // [d_ff, d_model]
  Linear ffn_up;                          // [d_ff, d_model]
  const float* ffn_sub_norm = nullptr;    // [d_ff]
  Linear ffn_down;                        // [d_model, d_ff]
  const float* ffn_post_norm = nullptr;   // [d_model]
};

/// Token embedding or output head: in the file's own format, or ternary like the layers.
struct VocabMatrix {
  HeadMatrix matrix = {};  // [vocab_size, d_model]
  HeadType type = HeadType::kF32;
  const Format* format = nullptr;  ///< null when ternary
  Linear ternary;
  CoarseHead coarse;  ///< of an F16 head, if wanted

  /// The embedding of a token, [d_model].
  void decode(uint32_t token, float* out) const;
};

using LoadProgress = std::function<void(uint64_t done_bytes, uint64_t total_bytes)>;

/// All weights of a model, ready for the kernels. Ternary matrices are copied once into 2 MB pages
/// in a layout of the chosen target; with `mmap` those that can are used in place.
class Weights {
 public:
  struct Source {
    const std::vector<std::string>* files;
    const std::vector<TensorSpec>* tensors;
    const std::vector<AdapterSpec>* adapters;
    bool mmap;
    WeightForm form;  ///< of the matrices that are copied
    bool head_copy;   ///< keep a coarse copy of an F16 head
    unsigned n_threads;
  };

  /// Throws Error: kNotFound (file), kModelFormat (missing tensor, wrong shape, invalid code or
  /// scale, truncated), kUnsupported (encoding), kResource (memory).
  Weights(const Source& source, const Hparams& hparams, const Arch& arch, const Kernels& kernels,
          const LoadProgress& progress);

  std::vector<LayerWeights> layers;
  const float* output_norm = nullptr;  // [d_model]
  VocabMatrix embedding;
  VocabMatrix head;  ///< the embedding again when the model has no head of its own

  /// Some matrix has several scales: BitNet's training, with int8 inputs, gives it one.
  bool has_several_scales = false;
  uint32_t max_rank_padded = 0;  ///< of the adapters; 0 without

  const PageArena& arena() const noexcept { return arena_; }

 private:
  friend class WeightLoader;
  PageArena arena_;
  std::vector<File> files_;
  std::vector<MappedFile> maps_;
};

}  // namespace bitnet

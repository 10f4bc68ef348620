#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/pages.h"
#include "base/thread_pool.h"
#include "model/activations.h"
#include "model/hparams.h"
#include "model/kv_cache.h"
#include "model/profile.h"

namespace bitnet {

/// Attention of a batch over the KV cache: which thread does which part of it.
///
/// Many tokens of a sequence are cut into tasks of a few dozen, one KV head each. A few tokens, as
/// in decoding, are not worth as many tasks as there are threads: there the threads share the
/// positions first, to get the weights, then the dimensions of the output.
class Attention {
 public:
  /// Tokens of one sequence, the next ones after its length, in consecutive rows of the batch.
  struct Tokens {
    const KvSequence* sequence;
    uint32_t row;
    uint32_t n_tokens;
  };

  Attention(const Hparams& hparams, const KvKernels& kernels, const KvCache& cache,
            const Activations& act, ThreadPool& pool);

  /// Takes in the batch whose layers follow. Throws Error kResource.
  void plan(const std::vector<Tokens>& batch);
  /// Queries in act.q to outputs in act.attended; the layer's keys and values have been stored.
  /// `profile` may be null.
  void run(uint32_t i_layer, Profile* profile);
  size_t bytes() const noexcept { return weights_.bytes(); }

 private:
  struct Task {
    const KvSequence* sequence;
    uint32_t row;
    uint32_t first_pos;
    uint32_t n_tokens;
    size_t weights;  ///< of a shared task: floats before its own

    uint32_t n_chunks() const { return (first_pos + n_tokens + kKvChunk - 1) / kKvChunk; }
  };

  uint32_t group() const { return hparams_.n_heads / hparams_.n_kv_heads; }
  size_t weight_floats(const Task& task) const;
  AttentionArgs args_of(const Task& task, uint32_t i_layer, uint32_t kv_head,
                        unsigned i_thread) const;
  void weigh_share(uint32_t i_layer, unsigned i_thread);
  void mix_share(uint32_t i_layer, unsigned i_thread);

  const Hparams& hparams_;
  const KvKernels& kv_;
  const KvCache& cache_;
  const Activations& act_;
  ThreadPool& pool_;

  // The batch at hand.
  std::vector<Task> tasks_;   ///< longest first
  std::vector<Task> shared_;  ///< those whose halves all threads share
  bool serial_ = true;        ///< too little work to wake others
  PageBlock weights_;
};

}  // namespace bitnet

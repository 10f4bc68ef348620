#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "model/activations.h"
#include "model/attention.h"
#include "model/coarse_head.h"
#include "model/kv_cache.h"
#include "model/model.h"
#include "model/profile.h"

namespace bitnet {

/// Which rows of a segment are to give what.
enum class Wanted : uint8_t { kNothing, kLastLogits, kAllLogits, kHidden };

/// Consecutive tokens of one sequence within a batch.
struct Segment {
  KvSequence* sequence;
  const int32_t* tokens;  // [n_tokens], each in [0, vocab_size)
  uint32_t n_tokens;
  Wanted wanted;
  /// Logits [1 or n_tokens, vocab_size] or hidden states after the last norm [n_tokens, d_model];
  /// null when nothing is wanted.
  float* out;
  /// Null: all logits are wanted.
  const Shortlist* shortlist = nullptr;
};

/// Runs batches of tokens through a model. Not thread-safe: one engine thread calls it.
///
/// Every result is the same bits for any number of threads and any split of the tokens into
/// batches: rows are independent but for attention, whose order of operations is fixed, and no sum
/// is shared between threads.
class Forward {
 public:
  /// Throws Error kResource.
  Forward(const Model& model, KvType kv_type, uint32_t batch_size, unsigned n_threads);

  /// Runs all segments (distinct sequences, together at most batch_size tokens) and advances their
  /// sequences. `stop` is asked before every layer; when it says yes, nothing is advanced and the
  /// result is false. Throws Error kResource when the KV cache cannot grow; nothing is advanced.
  /// `profile`, for as many threads, counts where the time goes.
  bool run(const std::vector<Segment>& batch, const std::function<bool()>& stop,
           Profile* profile = nullptr);

  KvCache& kv_cache() noexcept { return kv_cache_; }
  uint32_t batch_size() const noexcept { return batch_size_; }
  size_t activation_bytes() const noexcept { return act_.bytes() + attention_.bytes(); }

 private:
  /// One matrix of a product step: y [n_tokens, y_stride] = codes . matrix^T.
  struct Product {
    const Linear* linear;
    float* y;
    size_t y_stride;
  };

  /// A row whose logits are wanted.
  struct HeadRow {
    uint32_t row;
    const Shortlist* shortlist;
  };

  /// Where the keys and values of a row belong.
  struct Place {
    KvSequence* sequence;
    uint32_t pos;
  };

  void plan(const std::vector<Segment>& batch);
  void embed(const std::vector<Segment>& batch);
  void attention_block(uint32_t i_layer);
  void feed_forward_block(const LayerWeights& layer);
  void output(const std::vector<Segment>& batch);

  template <class Fn>
  void parallel(size_t work_bytes, Fn&& fn);
  template <class Fn>
  void for_rows(uint32_t n, Fn&& fn);
  void lap(Stage stage) noexcept {
    if (profile_ != nullptr) profile_->lap(stage);
  }
  void project(Stage stage, const float* in, size_t stride, const float* norm,
               std::initializer_list<Product> products);
  void set_input(const float* in, size_t stride, uint32_t width, const float* norm,
                 const float* input_norm);
  void quantise(uint32_t row, const float* values, uint32_t width);
  void multiply(std::span<const Product> products, uint32_t n_rows);
  void pack_input(TernaryInput& x, const TernaryKernels& kernels, uint32_t k_padded);
  void apply_adapters(const Product& product);
  void add_to_stream(const float* post_norm);
  void activate();
  void norm_heads(float* x, uint32_t n_heads, const float* weight);
  void rotate_and_store(uint32_t i_layer);
  void head_rows(const std::vector<HeadRow>& rows, float* logits);
  void whole_head(const HeadInput& input, float* logits);
  void shortlisted(const Shortlist& shortlist, uint32_t i, CoarseInput input, float* logits);
  void hidden_rows(uint32_t first_row, uint32_t n_rows, float* out);

  const Model& model_;
  const KernelTable& ops_;
  const KvKernels& kv_;
  ThreadPool pool_;
  uint32_t batch_size_;
  KvCache kv_cache_;
  Activations act_;
  Attention attention_;
  std::vector<double> rope_frequency_;  // [head_dim / 2] radians per position
  double rope_magnitude_;               // factor of cos and sin

  // The batch at hand.
  Profile* profile_ = nullptr;
  uint32_t n_tokens_ = 0;
  std::vector<uint32_t> segment_row_;  // first row of each segment
  std::vector<Place> places_;          // of each row
};

}  // namespace bitnet

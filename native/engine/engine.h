#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "engine/pace.h"
#include "engine/prompt_share.h"
#include "engine/sequence.h"
#include "model/forward.h"
#include "model/model.h"

namespace bitnet {

struct EngineOptions {
  KvType kv_type = KvType::kF16;
  uint32_t batch_size = 512;  ///< tokens per forward pass at most
  unsigned n_threads = 1;
  /// Called on the engine thread when it has told listeners something and turns to other work.
  std::function<void()> after_events = {};
};

struct MemoryUse {
  size_t weight_bytes;
  size_t kv_cache_bytes;
  size_t activation_bytes;
  size_t kv_chunk_bytes;
  bool huge_pages;  ///< most of the weights lie in 2 MB pages
};

/// One thread that runs a model for any number of sequences at once. Before every forward pass the
/// scheduler lets sequences join and leave: each generating sequence adds one token, prompts share
/// the rest of the batch, which is small while others generate (see PromptShare). A single sequence
/// is the case of one. Without prompts in the batch, guessed tokens may join and save later passes
/// (see Drafter, Pace).
///
/// Methods may be called from any one thread other than the engine's.
class Engine {
 public:
  /// Loads the model; throws Error (see Model and Forward).
  Engine(const ModelSpec& spec, const EngineOptions& options, const LoadProgress& progress);
  /// Cancels what is running and waits for the thread.
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::shared_ptr<Sequence> create_sequence(uint32_t context_length);
  /// Starts a generation. Throws Error kUsage (busy sequence, bad token), kResource (context).
  void generate(const std::shared_ptr<Sequence>& sequence, GenerateRequest request,
                std::shared_ptr<Listener> listener);
  /// Evaluates `tokens` and writes logits [1 or n, vocab_size] to `out`, which must outlive the
  /// job.
  void evaluate(const std::shared_ptr<Sequence>& sequence, std::vector<int32_t> tokens,
                Wanted wanted, float* out, std::shared_ptr<Listener> listener);
  /// Tokens allowed at a step of a masked generation. No words at all allow any token; words
  /// without a token of the vocabulary end the text.
  void set_mask(const std::shared_ptr<Sequence>& sequence, uint32_t step, TokenSet allowed);
  /// Ends a running job at the next layer, token or prompt chunk.
  void cancel(const std::shared_ptr<Sequence>& sequence);
  /// Throws Error kUsage while the sequence is busy.
  void truncate(const std::shared_ptr<Sequence>& sequence, uint32_t length);

  /// Copies chunk `index` (64 positions of all layers) of a sequence's KV cache; `out` has room for
  /// MemoryUse::kv_chunk_bytes. Throws Error kUsage: busy sequence, no such chunk.
  void read_chunk(const std::shared_ptr<Sequence>& sequence, uint32_t index, uint8_t* out);
  /// Fills an empty sequence with tokens and the chunks of their KV cache, as `read_chunk` gave
  /// them under the same kernels and KV type: that of another size is told, f16 from bf16 is not.
  /// Throws Error kUsage (busy or not empty; a token, a number of chunks or a size of one that does
  /// not fit), kResource.
  void restore(const std::shared_ptr<Sequence>& sequence, std::vector<int32_t> tokens,
               const std::vector<std::span<const uint8_t>>& chunks);

  const Model& model() const noexcept { return model_; }
  /// Floats per row of an evaluation's output.
  size_t out_width(Wanted wanted) const noexcept;
  MemoryUse memory();

 private:
  using SequencePtr = std::shared_ptr<Sequence>;

  void submit(const SequencePtr& sequence, std::unique_ptr<Job> job);
  void post(std::function<void()> command);
  void run_on_engine_thread(const std::function<void()>& work);
  void loop();
  void step();
  void tell();
  void take_part(const SequencePtr& sequence, std::vector<Segment>& batch, uint32_t& budget);
  void take_prompts(const std::vector<SequencePtr>& prompts, std::vector<Segment>& batch,
                    uint32_t budget);
  void prefill(std::vector<Segment>& batch, size_t n_generating);
  void decode(std::vector<Segment>& batch, uint32_t budget);
  void draft(Sequence& sequence);
  uint32_t add_drafts(std::vector<Segment>& batch, uint32_t budget);
  bool run_batch(std::vector<Segment>& batch);
  const Shortlist* shortlist_of(Sequence& sequence, const Segment& segment) const;
  void after_forward(const SequencePtr& sequence, const Segment& segment);
  void verify(Sequence& sequence, const Segment& segment);
  bool sample(Sequence& sequence, float* logits);
  void emit(Sequence& sequence, int32_t token, const Logprobs* logprobs);
  void finish(Sequence& sequence, FinishReason reason);
  void fail(Sequence& sequence, const Error& error);
  void release(Sequence& sequence);

  const Model model_;
  Forward forward_;
  const std::function<void()> after_events_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> commands_;  ///< under mutex_
  bool stopping_ = false;                        ///< under mutex_
  std::atomic<bool> abort_ = false;

  // Engine thread only.
  std::vector<SequencePtr> active_;
  std::vector<SequencePtr> in_batch_;
  std::vector<float> logits_;
  Pace pace_;
  PromptShare prompt_share_;
  uint32_t n_accepted_ = 0;  ///< guesses of the pass at hand that were right

  std::thread thread_;
};

}  // namespace bitnet

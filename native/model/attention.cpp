#include "model/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace bitnet {
namespace {

/// Cache bytes that a thread reads in about a microsecond; handing over costs a third of that.
constexpr size_t kSerialBytes = size_t{32} << 10;
/// Most tokens of a shared task: its weights go through memory once more.
constexpr uint32_t kSharedTokens = 8;

/// log2(e) / sqrt(head_dim): scores come out in base-2 logarithms.
float query_scale(uint32_t head_dim) {
  return static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(head_dim)));
}

/// Units of equal cost, handed out one after the other. A unit belongs to the thread in whose share
/// it begins.
class Shares {
 public:
  Shares(size_t total, unsigned i_thread, unsigned n_threads)
      : share_(share_of(total, 1, i_thread, n_threads)) {}

  /// Which of the next n units fall to the thread; `cost` is that of each.
  Share next(uint32_t n, size_t cost) {
    const auto units_before = [&](size_t end) {
      return end <= at_ ? 0 : std::min<size_t>((end - at_ + cost - 1) / cost, n);
    };
    const Share mine = {units_before(share_.begin), units_before(share_.end)};
    at_ += n * cost;
    return mine;
  }

 private:
  Share share_;
  size_t at_ = 0;
};

}  // namespace

Attention::Attention(const Hparams& hparams, const KvKernels& kernels, const KvCache& cache,
                     const Activations& act, ThreadPool& pool)
    : hparams_(hparams), kv_(kernels), cache_(cache), act_(act), pool_(pool) {}

size_t Attention::weight_floats(const Task& task) const {
  return size_t{task.n_chunks()} * task.n_tokens * group() * kWeightFloats;
}

void Attention::plan(const std::vector<Tokens>& batch) {
  tasks_.clear();
  shared_.clear();
  size_t read_bytes = 0;
  size_t weights = 0;
  for (const Tokens& tokens : batch) {
    const uint32_t length = tokens.sequence->length();
    constexpr uint32_t kMost = Activations::kAttentionTokens;
    for (uint32_t first = 0; first < tokens.n_tokens; first += kMost) {
      const uint32_t n = std::min(kMost, tokens.n_tokens - first);
      Task task = {tokens.sequence, tokens.row + first, length + first, n, weights};
      read_bytes += task.n_chunks() * cache_.layer_bytes();
      const bool shared = pool_.size() > 1 && n <= kSharedTokens;
      if (shared) weights += weight_floats(task) * hparams_.n_kv_heads;
      (shared ? shared_ : tasks_).push_back(task);
    }
  }
  serial_ = read_bytes < kSerialBytes;
  if (weights * sizeof(float) > weights_.bytes()) {
    weights_ = PageBlock();
    weights_ = PageBlock(weights * sizeof(float) * 3 / 2);
  }
  // Late positions look back furthest: the longest tasks first, so that threads end together.
  const auto cost = [](const Task& task) {
    return uint64_t{task.n_tokens} * (task.first_pos + task.n_tokens);
  };
  std::sort(tasks_.begin(), tasks_.end(), [&](const Task& a, const Task& b) {
    return cost(a) != cost(b) ? cost(a) > cost(b) : a.row < b.row;
  });
}

AttentionArgs Attention::args_of(const Task& task, uint32_t i_layer, uint32_t kv_head,
                                 unsigned i_thread) const {
  const size_t at =
      task.row * act_.attention_stride + size_t{kv_head} * group() * hparams_.head_dim;
  return {act_.q + at,
          act_.attended + at,
          act_.attention_stride,
          task.n_tokens,
          group(),
          hparams_.head_dim,
          task.first_pos,
          query_scale(hparams_.head_dim),
          task.sequence->chunks(),
          cache_.k_offset(i_layer, kv_head),
          cache_.v_offset(i_layer, kv_head),
          reinterpret_cast<float*>(act_.scratch(i_thread))};
}

void Attention::run(uint32_t i_layer, Profile* profile) {
  const uint32_t n_heads = hparams_.n_kv_heads;
  const auto attend = [&](const Task& task, uint32_t kv_head, unsigned i_thread) {
    kv_.attend(args_of(task, i_layer, kv_head, i_thread));
  };
  if (serial_) {
    const Profile::Work work(profile, 0);
    for (const auto* list : {&tasks_, &shared_}) {
      for (const Task& task : *list) {
        for (uint32_t head = 0; head < n_heads; ++head) attend(task, head, 0);
      }
    }
    return;
  }
  std::atomic<size_t> next = 0;
  pool_.run([&](unsigned i_thread) {
    const Profile::Work work(profile, i_thread);
    weigh_share(i_layer, i_thread);
    const size_t n = tasks_.size() * n_heads;
    for (size_t i = next.fetch_add(1, std::memory_order_relaxed); i < n;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      attend(tasks_[i / n_heads], static_cast<uint32_t>(i % n_heads), i_thread);
    }
  });
  if (shared_.empty()) return;
  pool_.run([&](unsigned i_thread) {
    const Profile::Work work(profile, i_thread);
    mix_share(i_layer, i_thread);
  });
}

void Attention::weigh_share(uint32_t i_layer, unsigned i_thread) {
  size_t total = 0;
  for (const Task& task : shared_) total += size_t{hparams_.n_kv_heads} * task.n_chunks();
  Shares shares(total, i_thread, pool_.size());
  for (const Task& task : shared_) {
    float* weights = reinterpret_cast<float*>(weights_.data()) + task.weights;
    for (uint32_t head = 0; head < hparams_.n_kv_heads; ++head, weights += weight_floats(task)) {
      const Share chunks = shares.next(task.n_chunks(), 1);
      if (chunks.begin == chunks.end) continue;
      kv_.weigh(args_of(task, i_layer, head, i_thread), static_cast<uint32_t>(chunks.begin),
                static_cast<uint32_t>(chunks.end), weights);
    }
  }
}

void Attention::mix_share(uint32_t i_layer, unsigned i_thread) {
  const uint32_t n_lanes = kv_padded_head_dim(hparams_.head_dim) / kKvLane;
  size_t total = 0;
  for (const Task& task : shared_) total += size_t{hparams_.n_kv_heads} * n_lanes * task.n_chunks();
  Shares shares(total, i_thread, pool_.size());
  for (const Task& task : shared_) {
    const float* weights = reinterpret_cast<const float*>(weights_.data()) + task.weights;
    for (uint32_t head = 0; head < hparams_.n_kv_heads; ++head, weights += weight_floats(task)) {
      const Share lanes = shares.next(n_lanes, task.n_chunks());
      if (lanes.begin == lanes.end) continue;
      kv_.mix(args_of(task, i_layer, head, i_thread), static_cast<uint32_t>(lanes.begin),
              static_cast<uint32_t>(lanes.end), weights);
    }
  }
}

}  // namespace bitnet

#include "model/forward.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/math.h"

namespace bitnet {
namespace {

/// Work of about a microsecond; handing it to another thread costs a third of that.
constexpr size_t kSerialBytes = size_t{32} << 10;

std::vector<double> rope_frequencies(const Hparams& h) {
  std::vector<double> frequency(h.head_dim / 2);
  const double log_theta = log_exact(h.rope_theta);
  for (size_t i = 0; i < frequency.size(); ++i) {
    frequency[i] = exp_exact(-2.0 * static_cast<double>(i) / h.head_dim * log_theta);
  }
  return frequency;
}

/// log2(e) / sqrt(head_dim): scores come out in base-2 logarithms.
float query_scale(uint32_t head_dim) {
  return static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(head_dim)));
}

}  // namespace

Forward::Forward(const Model& model, KvType kv_type, uint32_t batch_size, unsigned n_threads)
    : model_(model),
      ops_(model.kernels.table),
      kv_(model.kernels.table.kv[static_cast<size_t>(kv_type)]),
      pool_(n_threads),
      batch_size_(batch_size),
      kv_cache_(model.hparams, kv_),
      act_(model, batch_size, n_threads),
      rope_frequency_(rope_frequencies(model.hparams)) {}

bool Forward::run(const std::vector<Segment>& batch, const std::function<bool()>& stop) {
  for (const Segment& segment : batch) segment.sequence->reserve(segment.n_tokens);
  plan(batch);
  embed(batch);
  for (uint32_t i = 0; i < model_.hparams.n_layers; ++i) {
    if (stop()) return false;
    attention_block(batch, i);
    feed_forward_block(model_.weights.layers[i]);
  }
  if (stop()) return false;
  output(batch);
  for (const Segment& segment : batch) segment.sequence->advance(segment.n_tokens);
  return true;
}

void Forward::attention_block(const std::vector<Segment>& batch, uint32_t i_layer) {
  const LayerWeights& layer = model_.weights.layers[i_layer];
  const Hparams& h = model_.hparams;
  norm_and_quantise(act_.x, act_.model_stride, h.d_model, layer.attn_norm);
  multiply({{&layer.attn_q, act_.q, act_.attention_stride},
            {&layer.attn_k, act_.k, act_.kv_stride},
            {&layer.attn_v, act_.v, act_.kv_stride}});
  rotate_and_store(batch, i_layer);
  attend(batch, i_layer);
  norm_and_quantise(act_.attended, act_.attention_stride, h.d_attention(), layer.attn_sub_norm);
  multiply({{&layer.attn_output, act_.out, act_.model_stride}}, /*add_to_x=*/true);
}

void Forward::feed_forward_block(const LayerWeights& layer) {
  const Hparams& h = model_.hparams;
  norm_and_quantise(act_.x, act_.model_stride, h.d_model, layer.ffn_norm);
  multiply(
      {{&layer.ffn_gate, act_.gate, act_.ff_stride}, {&layer.ffn_up, act_.up, act_.ff_stride}});
  const auto activate = h.activation == Activation::kRelu2 ? ops_.relu2_mul : ops_.silu_mul;
  for_rows(n_tokens_, [&](unsigned /*i_thread*/, uint32_t row) {
    float* gate = act_.gate + row * act_.ff_stride;
    activate(gate, act_.up + row * act_.ff_stride, h.d_ff, gate);
    if (layer.ffn_sub_norm != nullptr) {
      ops_.rms_norm(gate, layer.ffn_sub_norm, h.d_ff, h.rms_norm_eps, gate);
    }
    quantise(row, gate, h.d_ff);
  });
  multiply({{&layer.ffn_down, act_.out, act_.model_stride}}, /*add_to_x=*/true);
}

/// Calls fn(i_thread, n_threads) on every thread, or only here when the work is too little to be
/// worth waking others.
template <class Fn>
void Forward::parallel(size_t work_bytes, Fn&& fn) {
  if (work_bytes < kSerialBytes) {
    fn(0u, 1u);
    return;
  }
  pool_.run([&](unsigned i_thread) { fn(i_thread, pool_.size()); });
}

/// Calls fn(i_thread, row) for every row, on all threads when there are several.
template <class Fn>
void Forward::for_rows(uint32_t n, Fn&& fn) {
  if (n == 1) {
    fn(0u, 0u);
    return;
  }
  pool_.run([&](unsigned i_thread) {
    const Share share = share_of(n, 1, i_thread, pool_.size());
    for (size_t row = share.begin; row < share.end; ++row) fn(i_thread, static_cast<uint32_t>(row));
  });
}

void Forward::plan(const std::vector<Segment>& batch) {
  n_tokens_ = 0;
  segment_row_.clear();
  attention_tasks_.clear();
  for (uint32_t s = 0; s < batch.size(); ++s) {
    segment_row_.push_back(n_tokens_);
    n_tokens_ += batch[s].n_tokens;
    constexpr uint32_t kStep = Activations::kAttentionTokens;
    for (uint32_t first = 0; first < batch[s].n_tokens; first += kStep) {
      attention_tasks_.push_back({s, first, std::min(kStep, batch[s].n_tokens - first)});
    }
  }
  // Late positions look back furthest: the longest tasks first, so that threads end together.
  std::stable_sort(attention_tasks_.begin(), attention_tasks_.end(),
                   [&](const AttentionTask& a, const AttentionTask& b) {
                     const auto cost = [&](const AttentionTask& t) {
                       return uint64_t{t.n_tokens} *
                              (batch[t.segment].sequence->length() + t.first + t.n_tokens);
                     };
                     return cost(a) > cost(b);
                   });
}

void Forward::embed(const std::vector<Segment>& batch) {
  const Hparams& h = model_.hparams;
  const VocabMatrix& table = model_.weights.embedding;
  for (size_t s = 0; s < batch.size(); ++s) {
    const uint32_t first_pos = batch[s].sequence->length();
    for (uint32_t t = 0; t < batch[s].n_tokens; ++t) {
      const size_t row = segment_row_[s] + t;
      const auto token = static_cast<size_t>(batch[s].tokens[t]);
      table.format->decode(table.matrix.data + token * table.matrix.row_bytes,
                           act_.x + row * act_.model_stride, h.d_model);
      for (size_t i = 0; i < rope_frequency_.size(); ++i) {
        double sine = 0.0;
        double cosine = 0.0;
        sin_cos_exact((first_pos + t) * rope_frequency_[i], &sine, &cosine);
        act_.cos[row * act_.rope_stride + i] = static_cast<float>(cosine);
        act_.sin[row * act_.rope_stride + i] = static_cast<float>(sine);
      }
    }
  }
}

/// Row `row` of the next BitLinear's input.
void Forward::quantise(uint32_t row, const float* values, uint32_t width) {
  const uint32_t k_padded = (width + kTernaryGroup - 1) / kTernaryGroup * kTernaryGroup;
  ops_.quantize_row(values, width, k_padded, act_.codes + row * act_.codes_stride,
                    act_.scales + row, act_.sums + row);
}

/// A null `norm` means that the family has none here.
void Forward::norm_and_quantise(const float* in, size_t stride, uint32_t width, const float* norm) {
  for_rows(n_tokens_, [&](unsigned i_thread, uint32_t row) {
    const float* values = in + row * stride;
    if (norm != nullptr) {
      ops_.rms_norm(values, norm, width, model_.hparams.rms_norm_eps, act_.row(i_thread));
      values = act_.row(i_thread);
    }
    quantise(row, values, width);
  });
}

void Forward::multiply(std::initializer_list<Product> products, bool add_to_x) {
  for (auto first = products.begin(); first != products.end();) {
    // Matrices with the same kernels share the packed activations and one parallel region.
    const TernaryKernels& kernels = *first->linear->kernels;
    const uint32_t k_padded = first->linear->matrix.k_padded;
    const auto last = std::find_if(first, products.end(), [&](const Product& product) {
      return product.linear->kernels != &kernels;
    });
    QuantizedRows x = {act_.codes, act_.codes_stride, act_.scales, act_.sums, nullptr, n_tokens_};
    const bool direct = n_tokens_ <= kernels.m_direct;
    if (!direct && kernels.pack_x != nullptr) {
      parallel(size_t{n_tokens_} * k_padded, [&](unsigned i_thread, unsigned n_threads) {
        const size_t padded = (n_tokens_ + kernels.m_tile - 1) / kernels.m_tile * kernels.m_tile;
        const Share share = share_of(padded, kernels.m_tile, i_thread, n_threads);
        kernels.pack_x(x, k_padded, static_cast<uint32_t>(share.begin),
                       static_cast<uint32_t>(share.end), act_.packed);
      });
      x.packed = act_.packed;
    }
    size_t work_bytes = 0;
    for (auto product = first; product != last; ++product) {
      work_bytes += size_t{product->linear->matrix.n} * k_padded / 4 * n_tokens_;
    }
    parallel(work_bytes, [&](unsigned i_thread, unsigned n_threads) {
      for (auto product = first; product != last; ++product) {
        const TernaryMatrix& w = product->linear->matrix;
        const Share share = share_of(w.n, kernels.n_multiple, i_thread, n_threads);
        const auto begin = static_cast<uint32_t>(share.begin);
        const auto end = static_cast<uint32_t>(share.end);
        if (begin == end) continue;
        if (direct) {
          kernels.gemv(w, x, begin, end, product->y, product->y_stride);
        } else {
          kernels.gemm(w, x, begin, end, product->y, product->y_stride, act_.scratch(i_thread));
        }
        if (!add_to_x) continue;
        for (uint32_t row = 0; row < n_tokens_; ++row) {
          ops_.add(act_.x + row * act_.model_stride + begin,
                   product->y + row * product->y_stride + begin, end - begin);
        }
      }
    });
    first = last;
  }
}

void Forward::rotate_and_store(const std::vector<Segment>& batch, uint32_t i_layer) {
  const Hparams& h = model_.hparams;
  for (size_t s = 0; s < batch.size(); ++s) {
    const Segment& segment = batch[s];
    const uint32_t first_pos = segment.sequence->length();
    for_rows(segment.n_tokens, [&](unsigned /*i_thread*/, uint32_t t) {
      const size_t row = segment_row_[s] + t;
      const float* cos = act_.cos + row * act_.rope_stride;
      const float* sin = act_.sin + row * act_.rope_stride;
      float* k = act_.k + row * act_.kv_stride;
      const float* v = act_.v + row * act_.kv_stride;
      ops_.rope(act_.q + row * act_.attention_stride, h.n_heads, h.head_dim, cos, sin);
      ops_.rope(k, h.n_kv_heads, h.head_dim, cos, sin);
      const uint32_t pos = first_pos + t;
      uint8_t* chunk = segment.sequence->chunk_of(pos);
      for (uint32_t head = 0; head < h.n_kv_heads; ++head) {
        kv_.store(k + head * h.head_dim, v + head * h.head_dim, h.head_dim, pos % kKvChunk,
                  chunk + kv_cache_.k_offset(i_layer, head),
                  chunk + kv_cache_.v_offset(i_layer, head));
      }
    });
  }
}

void Forward::attend(const std::vector<Segment>& batch, uint32_t i_layer) {
  const Hparams& h = model_.hparams;
  const uint32_t group = h.n_heads / h.n_kv_heads;
  const size_t n_tasks = attention_tasks_.size() * h.n_kv_heads;
  const float q_scale = query_scale(h.head_dim);
  size_t work_bytes = 0;
  for (const Segment& segment : batch) {
    work_bytes += size_t{segment.n_tokens} * (segment.sequence->length() + segment.n_tokens) *
                  h.d_kv() * kv_.elem_bytes;
  }
  std::atomic<size_t> next = 0;
  parallel(work_bytes, [&](unsigned i_thread, unsigned /*n_threads*/) {
    for (size_t i = next.fetch_add(1, std::memory_order_relaxed); i < n_tasks;
         i = next.fetch_add(1, std::memory_order_relaxed)) {
      const AttentionTask& task = attention_tasks_[i / h.n_kv_heads];
      const auto kv_head = static_cast<uint32_t>(i % h.n_kv_heads);
      const Segment& segment = batch[task.segment];
      const size_t at = (segment_row_[task.segment] + task.first) * act_.attention_stride +
                        size_t{kv_head} * group * h.head_dim;
      kv_.attend({act_.q + at, act_.attended + at, act_.attention_stride, task.n_tokens, group,
                  h.head_dim, segment.sequence->length() + task.first, q_scale,
                  segment.sequence->chunks(), kv_cache_.k_offset(i_layer, kv_head),
                  kv_cache_.v_offset(i_layer, kv_head),
                  reinterpret_cast<float*>(act_.scratch(i_thread))});
    }
  });
}

void Forward::output(const std::vector<Segment>& batch) {
  // Rows whose logits lie side by side go through the head together, which reads it once for all.
  const size_t vocab = model_.hparams.vocab_size;
  std::vector<uint32_t> rows;
  float* logits = nullptr;
  const auto flush = [&] {
    if (!rows.empty()) head_rows(rows, logits);
    rows.clear();
  };
  for (size_t s = 0; s < batch.size(); ++s) {
    const Segment& segment = batch[s];
    if (segment.wanted == LogitsWanted::kNone) continue;
    const uint32_t first = segment.wanted == LogitsWanted::kAll ? 0 : segment.n_tokens - 1;
    for (uint32_t t = first; t < segment.n_tokens; ++t) {
      float* to = segment.logits + (t - first) * vocab;
      if (rows.size() == Activations::kHeadRows || to != logits + rows.size() * vocab) flush();
      if (rows.empty()) logits = to;
      rows.push_back(segment_row_[s] + t);
    }
  }
  flush();
}

void Forward::head_rows(const std::vector<uint32_t>& rows, float* logits) {
  const Hparams& h = model_.hparams;
  const VocabMatrix& head = model_.weights.head;
  const bool block_format = head.type == HeadType::kQ8_0 || head.type == HeadType::kQ6_K;
  const auto n_rows = static_cast<uint32_t>(rows.size());
  for_rows(n_rows, [&](unsigned /*i_thread*/, uint32_t i) {
    float* x = act_.head_x + i * act_.model_stride;
    ops_.rms_norm(act_.x + rows[i] * act_.model_stride, model_.weights.output_norm, h.d_model,
                  h.rms_norm_eps, x);
    if (block_format) {
      ops_.quantize_head(x, h.d_model, act_.head_codes + i * act_.head_stride,
                         act_.head_sum4 + i * act_.head_stride / 4,
                         act_.head_d + i * act_.head_stride / kHeadBlock);
    }
  });
  const HeadInput input = {act_.head_x, act_.model_stride, act_.head_codes, act_.head_sum4,
                           act_.head_d, act_.head_stride,  n_rows};
  const auto multiply_head = ops_.head[static_cast<size_t>(head.type)];
  const size_t head_bytes = size_t{head.matrix.n} * head.matrix.row_bytes;
  parallel(head_bytes, [&](unsigned i_thread, unsigned n_threads) {
    const Share share = share_of(h.vocab_size, 1, i_thread, n_threads);
    multiply_head(head.matrix, input, static_cast<uint32_t>(share.begin),
                  static_cast<uint32_t>(share.end), logits, h.vocab_size);
  });
}

}  // namespace bitnet

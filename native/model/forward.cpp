#include "model/forward.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/math.h"

namespace bitnet {
namespace {

/// Work of about a microsecond; handing it to another thread costs a third of that.
constexpr size_t kSerialBytes = size_t{32} << 10;
/// Work of a few microseconds: least of a piece that another thread may take over.
constexpr size_t kPieceBytes = size_t{64} << 10;
/// Rows chosen one by one, as a part of the head, beyond which reading all of it is as quick.
constexpr size_t kMostChosen = 8;

/// Radians per position of each pair of dimensions; with YaRN, slow pairs are slowed down by its
/// factor, fast ones are left alone, those between blended (arXiv:2309.00071, section 3.4).
std::vector<double> rope_frequencies(const Hparams& h) {
  std::vector<double> frequency(h.head_dim / 2);
  const double log_theta = log_exact(h.rope_theta);
  const Yarn& yarn = h.yarn;
  const auto correction = [&](double beta) {
    constexpr double kTwoPi = 6.283185307179586;
    return h.head_dim * log_exact(yarn.original_context / (beta * kTwoPi)) / (2.0 * log_theta);
  };
  double low = 0.0;
  double high = 0.0;
  if (yarn.factor > 1.0) {
    low = std::max(0.0, std::floor(correction(yarn.beta_fast)));
    high = std::min(h.head_dim - 1.0, std::ceil(correction(yarn.beta_slow)));
  }
  for (size_t i = 0; i < frequency.size(); ++i) {
    const double at = static_cast<double>(i);
    const double plain = exp_exact(-2.0 * at / h.head_dim * log_theta);
    const double ramp =
        yarn.factor > 1.0 ? std::clamp((at - low) / std::max(0.001, high - low), 0.0, 1.0) : 0.0;
    frequency[i] = plain * (1.0 - ramp) + plain / yarn.factor * ramp;
  }
  return frequency;
}

/// Factor of cos and sin under YaRN.
double rope_magnitude(const Yarn& yarn) {
  return yarn.factor > 1.0 ? yarn.attention_factor * (1.0 + 0.1 * log_exact(yarn.factor)) : 1.0;
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
      attention_(model.hparams, kv_, kv_cache_, act_, pool_),
      rope_frequency_(rope_frequencies(model.hparams)),
      rope_magnitude_(rope_magnitude(model.hparams.yarn)) {}

bool Forward::run(const std::vector<Segment>& batch, const std::function<bool()>& stop,
                  Profile* profile) {
  profile_ = profile;
  if (profile_ != nullptr) profile_->restart();
  for (const Segment& segment : batch) segment.sequence->reserve(segment.n_tokens);
  plan(batch);
  embed(batch);
  lap(Stage::kEmbedding);
  for (uint32_t i = 0; i < model_.hparams.n_layers; ++i) {
    if (stop()) return false;
    attention_block(i);
    feed_forward_block(model_.weights.layers[i]);
  }
  if (stop()) return false;
  output(batch);
  lap(Stage::kHead);
  for (const Segment& segment : batch) segment.sequence->advance(segment.n_tokens);
  return true;
}

void Forward::attention_block(uint32_t i_layer) {
  const LayerWeights& layer = model_.weights.layers[i_layer];
  project(Stage::kQkv, act_.x, act_.model_stride, layer.attn_norm,
          {{&layer.attn_q, act_.q, act_.attention_stride},
           {&layer.attn_k, act_.k, act_.kv_stride},
           {&layer.attn_v, act_.v, act_.kv_stride}});
  rotate_and_store(i_layer);
  lap(Stage::kRope);
  attention_.run(i_layer, profile_);
  lap(Stage::kAttention);
  project(Stage::kAttnOutput, act_.attended, act_.attention_stride, layer.attn_sub_norm,
          {{&layer.attn_output, act_.out, act_.model_stride}});
  add_to_stream(layer.attn_post_norm);
  lap(Stage::kResidual);
}

void Forward::feed_forward_block(const LayerWeights& layer) {
  project(Stage::kGateUp, act_.x, act_.model_stride, layer.ffn_norm,
          {{&layer.ffn_gate, act_.gate, act_.ff_stride}, {&layer.ffn_up, act_.up, act_.ff_stride}});
  activate();
  lap(Stage::kActivation);
  project(Stage::kDown, act_.gate, act_.ff_stride, layer.ffn_sub_norm,
          {{&layer.ffn_down, act_.out, act_.model_stride}});
  add_to_stream(layer.ffn_post_norm);
  lap(Stage::kResidual);
}

/// gate = f(gate) * up
void Forward::activate() {
  const Hparams& h = model_.hparams;
  const auto function = h.activation == Activation::kRelu2  ? ops_.relu2_mul
                        : h.activation == Activation::kSilu ? ops_.silu_mul
                                                            : ops_.gelu_mul;
  for_rows(n_tokens_, [&](unsigned /*i_thread*/, uint32_t row) {
    float* gate = act_.gate + row * act_.ff_stride;
    function(gate, act_.up + row * act_.ff_stride, h.d_ff, gate);
  });
}

/// Calls fn(i_thread, i_part, n_parts) for all parts of a work, on all threads, or only here when
/// it is too little to be worth waking others.
template <class Fn>
void Forward::parallel(size_t work_bytes, Fn&& fn) {
  if (work_bytes < kSerialBytes) {
    const Profile::Work work(profile_, 0);
    fn(0u, 0u, 1u);
    return;
  }
  const size_t n_each = std::clamp<size_t>(work_bytes / (kPieceBytes * pool_.size()), 1,
                                           size_t{ThreadPool::kMostPieces});
  const auto n_parts = static_cast<unsigned>(n_each) * pool_.size();
  pool_.run_pieces(static_cast<unsigned>(n_each), [&](unsigned i_thread, unsigned i_part) {
    const Profile::Work work(profile_, i_thread);
    fn(i_thread, i_part, n_parts);
  });
}

/// Calls fn(i_thread, row) for every row, on all threads when there are several.
template <class Fn>
void Forward::for_rows(uint32_t n, Fn&& fn) {
  if (n == 1) {
    const Profile::Work work(profile_, 0);
    fn(0u, 0u);
    return;
  }
  pool_.run([&](unsigned i_thread) {
    const Profile::Work work(profile_, i_thread);
    const Share share = share_of(n, 1, i_thread, pool_.size());
    for (size_t row = share.begin; row < share.end; ++row) fn(i_thread, static_cast<uint32_t>(row));
  });
}

void Forward::plan(const std::vector<Segment>& batch) {
  n_tokens_ = 0;
  segment_row_.clear();
  places_.clear();
  std::vector<Attention::Tokens> attending;
  for (const Segment& segment : batch) {
    segment_row_.push_back(n_tokens_);
    attending.push_back({segment.sequence, n_tokens_, segment.n_tokens});
    n_tokens_ += segment.n_tokens;
    const uint32_t first_pos = segment.sequence->length();
    for (uint32_t t = 0; t < segment.n_tokens; ++t) {
      places_.push_back({segment.sequence, first_pos + t});
    }
  }
  attention_.plan(attending);
}

void Forward::embed(const std::vector<Segment>& batch) {
  const Hparams& h = model_.hparams;
  const float scale =
      model_.arch.scaled_embedding ? std::sqrt(static_cast<float>(h.d_model)) : 1.0f;
  for (size_t s = 0; s < batch.size(); ++s) {
    for (uint32_t t = 0; t < batch[s].n_tokens; ++t) {
      const size_t row = segment_row_[s] + t;
      float* x = act_.x + row * act_.model_stride;
      model_.weights.embedding.decode(static_cast<uint32_t>(batch[s].tokens[t]), x);
      for (uint32_t i = 0; scale != 1.0f && i < h.d_model; ++i) x[i] *= scale;
      for (size_t i = 0; i < rope_frequency_.size(); ++i) {
        double sine = 0.0;
        double cosine = 0.0;
        sin_cos_exact(places_[row].pos * rope_frequency_[i], &sine, &cosine);
        act_.cos[row * act_.rope_stride + i] = static_cast<float>(cosine * rope_magnitude_);
        act_.sin[row * act_.rope_stride + i] = static_cast<float>(sine * rope_magnitude_);
      }
    }
  }
}

/// One or more matrices applied to the same rows, after an RMS norm where the family has one.
void Forward::project(Stage stage, const float* in, size_t stride, const float* norm,
                      std::initializer_list<Product> products) {
  const std::span<const Product> all(products.begin(), products.size());
  for (size_t first = 0; first < all.size();) {
    // Matrices without norms of their own share the quantised input.
    const Linear& linear = *all[first].linear;
    size_t n = 1;
    while (first + n < all.size() && all[first + n].linear->input_norm == linear.input_norm) {
      ++n;
    }
    set_input(in, stride, linear.matrix.k, norm, linear.input_norm);
    lap(Stage::kQuantise);
    multiply(all.subspan(first, n), n_tokens_);
    for (const Product& product : all.subspan(first, n)) apply_adapters(product);
    lap(stage);
    first += n;
  }
}

/// The input of the next products: rows of `in`, normed up to twice, in the model's form.
void Forward::set_input(const float* in, size_t stride, uint32_t width, const float* norm,
                        const float* input_norm) {
  for_rows(n_tokens_, [&](unsigned i_thread, uint32_t row) {
    const float* values = in + row * stride;
    for (const float* weight : {norm, input_norm}) {
      if (weight == nullptr) continue;
      ops_.rms_norm(values, weight, width, model_.hparams.rms_norm_eps, act_.row(i_thread));
      values = act_.row(i_thread);
    }
    quantise(row, values, width);
  });
}

void Forward::quantise(uint32_t row, const float* values, uint32_t width) {
  const uint32_t k_padded = (width + kTernaryGroup - 1) / kTernaryGroup * kTernaryGroup;
  int8_t* codes = act_.codes + row * act_.codes_stride;
  const size_t first_block = row * (act_.codes_stride / kActivationBlock);
  const ActivationMode mode = model_.activation_mode;
  if (mode == ActivationMode::kFloats || model_.weights.max_rank_padded > 0) {
    float* floats = act_.floats + row * act_.codes_stride;
    std::copy(values, values + width, floats);
    std::fill(floats + width, floats + k_padded, 0.0f);
  }
  switch (mode) {
    case ActivationMode::kToken:
      ops_.quantize_row(values, width, k_padded, codes, act_.scales + row, act_.sums + row);
      return;
    case ActivationMode::kBlocks:
      ops_.quantize_blocks(values, width, k_padded, codes, act_.block_scales + first_block,
                           act_.block_sums + first_block);
      return;
    case ActivationMode::kFloats:
      return;
  }
}

/// Rewrites the codes as the gemm kernel wants them.
void Forward::pack_input(TernaryInput& x, const TernaryKernels& kernels, uint32_t k_padded) {
  if (kernels.pack_x == nullptr) return;
  parallel(size_t{x.m} * k_padded, [&](unsigned /*i_thread*/, unsigned i_part, unsigned n_parts) {
    const size_t padded = (x.m + kernels.m_tile - 1) / kernels.m_tile * kernels.m_tile;
    const Share share = share_of(padded, kernels.m_tile, i_part, n_parts);
    kernels.pack_x(x, k_padded, static_cast<uint32_t>(share.begin),
                   static_cast<uint32_t>(share.end), act_.packed);
  });
  lap(Stage::kQuantise);
  x.packed = act_.packed;
}

/// y = input . matrix^T for each product, all of the same input and width.
void Forward::multiply(std::span<const Product> products, uint32_t n_rows) {
  TernaryInput x = {n_rows,  act_.codes,        act_.codes_stride, act_.scales, act_.sums,
                    nullptr, act_.block_scales, act_.block_sums,   act_.floats, act_.codes_stride};
  const ActivationMode mode = model_.activation_mode;
  const uint32_t k_padded = products.front().linear->matrix.k_padded;
  size_t work_bytes = 0;
  const TernaryKernels* packed_for = nullptr;
  for (const Product& product : products) {
    const TernaryKernels& kernels = *product.linear->kernels;
    work_bytes += size_t{product.linear->matrix.n} * k_padded / 4 * n_rows;
    const bool wants_packed = mode == ActivationMode::kToken && n_rows > kernels.m_direct;
    // All matrices of a model have the same kernels, but for those used in place (--mmap).
    if (!wants_packed || packed_for == &kernels) continue;
    if (packed_for != nullptr) {
      const size_t done = static_cast<size_t>(&product - products.data());
      multiply(products.first(done), n_rows);
      return multiply(products.subspan(done), n_rows);
    }
    pack_input(x, kernels, k_padded);
    packed_for = &kernels;
  }
  parallel(work_bytes, [&](unsigned i_thread, unsigned i_part, unsigned n_parts) {
    for (const Product& product : products) {
      const TernaryMatrix& w = product.linear->matrix;
      const TernaryKernels& kernels = *product.linear->kernels;
      // Per-block and float kernels work on 16 rows at a time, whatever the layout.
      const Share share = share_of(w.n, std::max(kernels.n_multiple, 16u), i_part, n_parts);
      const auto begin = static_cast<uint32_t>(share.begin);
      const auto end = static_cast<uint32_t>(share.end);
      if (begin == end) continue;
      void* scratch = act_.scratch(i_thread);
      if (mode == ActivationMode::kFloats) {
        kernels.multiply_floats(w, x, begin, end, product.y, product.y_stride, scratch);
      } else if (mode == ActivationMode::kBlocks) {
        kernels.multiply_blocks(w, x, begin, end, product.y, product.y_stride, scratch);
      } else if (n_rows <= kernels.m_direct) {
        kernels.gemv(w, x, begin, end, product.y, product.y_stride);
      } else {
        kernels.gemm(w, x, begin, end, product.y, product.y_stride, scratch);
      }
    }
  });
}

/// y += b . (a . x) for each adapter of a matrix, on the input as it was before it was quantised.
void Forward::apply_adapters(const Product& product) {
  const auto dot_rows = ops_.head[static_cast<size_t>(HeadType::kF32)];
  for (const LowRank& adapter : product.linear->adapters) {
    const TernaryMatrix& w = product.linear->matrix;
    const HeadMatrix a = {reinterpret_cast<const uint8_t*>(adapter.a.data()), adapter.rank, w.k,
                          w.k * sizeof(float)};
    const HeadMatrix b = {reinterpret_cast<const uint8_t*>(adapter.b.data()), w.n,
                          adapter.rank_padded, adapter.rank_padded * sizeof(float)};
    const HeadInput x = {act_.floats, act_.codes_stride, nullptr, nullptr, 0, n_tokens_};
    const HeadInput low = {act_.low_rank, adapter.rank_padded, nullptr, nullptr, 0, n_tokens_};
    std::fill_n(act_.low_rank, size_t{n_tokens_} * adapter.rank_padded, 0.0f);
    parallel(size_t{a.n} * a.row_bytes * n_tokens_,
             [&](unsigned /*i_thread*/, unsigned i_part, unsigned n_parts) {
               const Share share = share_of(a.n, 1, i_part, n_parts);
               dot_rows(a, x, static_cast<uint32_t>(share.begin), static_cast<uint32_t>(share.end),
                        act_.low_rank, adapter.rank_padded);
             });
    parallel(size_t{b.n} * b.row_bytes * n_tokens_, [&](unsigned /*i_thread*/, unsigned i_part,
                                                        unsigned n_parts) {
      const Share share = share_of(b.n, 1, i_part, n_parts);
      const size_t n = share.end - share.begin;
      if (n == 0) return;
      dot_rows(b, low, static_cast<uint32_t>(share.begin), static_cast<uint32_t>(share.end),
               act_.update, act_.update_stride);
      for (uint32_t row = 0; row < n_tokens_; ++row) {
        ops_.add(product.y + row * product.y_stride + share.begin,
                 act_.update + row * act_.update_stride + share.begin, static_cast<uint32_t>(n));
      }
    });
  }
}

/// x += out, after an RMS norm where the family has one.
void Forward::add_to_stream(const float* post_norm) {
  const Hparams& h = model_.hparams;
  for_rows(n_tokens_, [&](unsigned /*i_thread*/, uint32_t row) {
    float* out = act_.out + row * act_.model_stride;
    if (post_norm != nullptr) ops_.rms_norm(out, post_norm, h.d_model, h.rms_norm_eps, out);
    ops_.add(act_.x + row * act_.model_stride, out, h.d_model);
  });
}

/// An RMS norm over each head, where the family has one.
void Forward::norm_heads(float* x, uint32_t n_heads, const float* weight) {
  if (weight == nullptr) return;
  const Hparams& h = model_.hparams;
  for (uint32_t head = 0; head < n_heads; ++head, x += h.head_dim) {
    ops_.rms_norm(x, weight, h.head_dim, h.rms_norm_eps, x);
  }
}

void Forward::rotate_and_store(uint32_t i_layer) {
  const Hparams& h = model_.hparams;
  const LayerWeights& layer = model_.weights.layers[i_layer];
  for_rows(n_tokens_, [&](unsigned /*i_thread*/, uint32_t row) {
    const float* cos = act_.cos + row * act_.rope_stride;
    const float* sin = act_.sin + row * act_.rope_stride;
    float* q = act_.q + row * act_.attention_stride;
    float* k = act_.k + row * act_.kv_stride;
    const float* v = act_.v + row * act_.kv_stride;
    norm_heads(q, h.n_heads, layer.attn_q_norm);
    norm_heads(k, h.n_kv_heads, layer.attn_k_norm);
    ops_.rope(q, h.n_heads, h.head_dim, cos, sin);
    ops_.rope(k, h.n_kv_heads, h.head_dim, cos, sin);
    const auto [sequence, pos] = places_[row];
    uint8_t* chunk = sequence->chunk_of(pos);
    for (uint32_t head = 0; head < h.n_kv_heads; ++head) {
      kv_.store(k + head * h.head_dim, v + head * h.head_dim, h.head_dim, pos % kKvChunk,
                chunk + kv_cache_.k_offset(i_layer, head),
                chunk + kv_cache_.v_offset(i_layer, head));
    }
  });
}

void Forward::output(const std::vector<Segment>& batch) {
  // Rows whose logits lie side by side go through the head together, which reads it once for all.
  const size_t vocab = model_.hparams.vocab_size;
  std::vector<HeadRow> rows;
  float* logits = nullptr;
  const auto flush = [&] {
    if (!rows.empty()) head_rows(rows, logits);
    rows.clear();
  };
  for (size_t s = 0; s < batch.size(); ++s) {
    const Segment& segment = batch[s];
    if (segment.wanted == Wanted::kNothing) continue;
    if (segment.wanted == Wanted::kHidden) {
      hidden_rows(segment_row_[s], segment.n_tokens, segment.out);
      continue;
    }
    const uint32_t first = segment.wanted == Wanted::kAllLogits ? 0 : segment.n_tokens - 1;
    for (uint32_t t = first; t < segment.n_tokens; ++t) {
      float* to = segment.out + (t - first) * vocab;
      if (rows.size() == Activations::kHeadRows || to != logits + rows.size() * vocab) flush();
      if (rows.empty()) logits = to;
      rows.push_back({segment_row_[s] + t, segment.shortlist});
    }
  }
  flush();
}

/// Hidden states after the last norm.
void Forward::hidden_rows(uint32_t first_row, uint32_t n_rows, float* out) {
  const Hparams& h = model_.hparams;
  for_rows(n_rows, [&](unsigned /*i_thread*/, uint32_t i) {
    ops_.rms_norm(act_.x + (first_row + i) * act_.model_stride, model_.weights.output_norm,
                  h.d_model, h.rms_norm_eps, out + size_t{i} * h.d_model);
  });
}

void Forward::head_rows(const std::vector<HeadRow>& rows, float* logits) {
  const Hparams& h = model_.hparams;
  const VocabMatrix& head = model_.weights.head;
  const bool ternary = head.format == nullptr;
  const bool block_format = head.type == HeadType::kQ8_0 || head.type == HeadType::kQ6_K;
  const bool coarse = head.coarse.error != nullptr && rows.size() <= Activations::kCoarseRows &&
                      std::all_of(rows.begin(), rows.end(),
                                  [](const HeadRow& r) { return r.shortlist != nullptr; });
  const auto n_rows = static_cast<uint32_t>(rows.size());
  const size_t d_stride = act_.head_stride / kHeadBlock;
  CoarseInput inputs[Activations::kCoarseRows];
  for_rows(n_rows, [&](unsigned /*i_thread*/, uint32_t i) {
    float* x = act_.head_x + i * act_.model_stride;
    ops_.rms_norm(act_.x + rows[i].row * act_.model_stride, model_.weights.output_norm, h.d_model,
                  h.rms_norm_eps, x);
    if (ternary) {
      quantise(i, x, h.d_model);
    } else if (block_format) {
      ops_.quantize_head(x, h.d_model, act_.head_codes + i * act_.head_stride,
                         act_.head_d + i * d_stride);
    } else if (coarse) {
      inputs[i] = split_coarse_input(ops_, x, h.d_model, act_.head_codes + 2 * i * act_.head_stride,
                                     act_.head_d + 2 * i * d_stride, act_.head_stride);
    }
  });
  if (ternary) {
    const Product product = {&head.ternary, logits, h.vocab_size};
    return multiply({&product, 1}, n_rows);
  }
  const HeadInput input = {act_.head_x, act_.model_stride, act_.head_codes,
                           act_.head_d, act_.head_stride,  n_rows};
  if (!coarse) return whole_head(input, logits);

  const HeadMatrix& copy = head.coarse.matrix;
  HeadInput parts = input;
  parts.m = 2 * n_rows;
  parallel(size_t{copy.n} * copy.row_bytes,
           [&](unsigned /*i_thread*/, unsigned i_part, unsigned n_parts) {
             const Share share = share_of(copy.n, 1, i_part, n_parts);
             ops_.head[static_cast<size_t>(HeadType::kQ8_0)](
                 copy, parts, static_cast<uint32_t>(share.begin), static_cast<uint32_t>(share.end),
                 act_.coarse, copy.n);
           });
  for (uint32_t i = 0; i < n_rows; ++i) {
    shortlisted(*rows[i].shortlist, i, inputs[i], logits + size_t{i} * h.vocab_size);
  }
}

/// The product of every row of the head with every input.
void Forward::whole_head(const HeadInput& input, float* logits) {
  const VocabMatrix& head = model_.weights.head;
  const auto multiply_head = ops_.head[static_cast<size_t>(head.type)];
  const size_t head_bytes = size_t{head.matrix.n} * head.matrix.row_bytes;
  parallel(head_bytes, [&](unsigned /*i_thread*/, unsigned i_part, unsigned n_parts) {
    const Share share = share_of(head.matrix.n, 1, i_part, n_parts);
    multiply_head(head.matrix, input, static_cast<uint32_t>(share.begin),
                  static_cast<uint32_t>(share.end), logits, head.matrix.n);
  });
}

/// The logits that are wanted of input i, from its coarse products; -infinity for the others.
void Forward::shortlisted(const Shortlist& shortlist, uint32_t i, CoarseInput coarse_input,
                          float* logits) {
  const VocabMatrix& head = model_.weights.head;
  const uint32_t n = head.matrix.n;
  float* high = act_.coarse + 2 * size_t{i} * n;
  for (const int32_t token : shortlist.always) {
    high[token] = std::numeric_limits<float>::quiet_NaN();
  }
  const CoarseProducts products = {head.coarse, coarse_input, high, high + n};
  const HeadInput input = {
      act_.head_x + i * act_.model_stride, act_.model_stride, nullptr, nullptr, 0, 1};
  std::vector<std::vector<float>> largest(pool_.size());
  std::vector<std::vector<uint32_t>> chosen(pool_.size());
  const auto share = [&](unsigned i_thread) { return share_of(n, 1, i_thread, pool_.size()); };
  pool_.run([&](unsigned i_thread) {
    const Share s = share(i_thread);
    largest[i_thread] =
        products.surely(static_cast<uint32_t>(s.begin), static_cast<uint32_t>(s.end), shortlist.n);
  });
  std::vector<float> all;
  for (const auto& part : largest) all.insert(all.end(), part.begin(), part.end());
  float bound = -std::numeric_limits<float>::infinity();
  if (all.size() >= shortlist.n) {
    const auto nth = all.begin() + (shortlist.n - 1);
    std::nth_element(all.begin(), nth, all.end(), std::greater<>());
    bound = *nth;
  }
  pool_.run([&](unsigned i_thread) {
    const Share s = share(i_thread);
    chosen[i_thread] =
        products.perhaps(static_cast<uint32_t>(s.begin), static_cast<uint32_t>(s.end), bound);
  });
  size_t n_chosen = 0;
  for (const auto& part : chosen) n_chosen += part.size();
  if (n_chosen > n / kMostChosen) return whole_head(input, logits);
  pool_.run([&](unsigned i_thread) {
    const Share s = share(i_thread);
    std::fill(logits + s.begin, logits + s.end, -std::numeric_limits<float>::infinity());
    for (const uint32_t row : chosen[i_thread]) {
      ops_.head[static_cast<size_t>(head.type)](head.matrix, input, row, row + 1, logits, n);
    }
  });
}

}  // namespace bitnet

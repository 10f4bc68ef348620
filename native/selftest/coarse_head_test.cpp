// The int8 copy of an F16 head: what is chosen by it is what the whole head gives.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/half.h"
#include "engine/engine.h"
#include "formats/format.h"
#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/tiny_model.h"
#include "selftest/waiter.h"

namespace bitnet::selftest {
namespace {

/// An F16 head and its copy.
struct Head {
  Head(const std::vector<uint16_t>& weights, uint32_t n_inputs)
      : k(n_inputs), bytes(2 * weights.size()) {
    n = static_cast<uint32_t>(weights.size() / k);
    std::memcpy(bytes.data(), weights.data(), bytes.size());
    copy.resize(n * coarse_row_bytes(k));
    error.resize(n);
    norm.resize(n);
    copy_coarse_rows(scalar_target(), bytes.data(), k, n, copy.data(), error.data(), norm.data());
  }
  HeadMatrix matrix() const { return {bytes.data(), n, k, size_t{2} * k}; }
  CoarseHead coarse() const {
    return {{copy.data(), n, k, coarse_row_bytes(k)}, error.data(), norm.data()};
  }

  uint32_t n = 0, k;
  Bytes bytes, copy;
  Floats error, norm;
};

float exact_row(const KernelTable& ops, const Head& head, const Floats& x, uint32_t row) {
  Floats y(head.n);
  const HeadInput input = {x.data(), x.size(), nullptr, nullptr, 0, 1};
  ops.head[static_cast<size_t>(HeadType::kF16)](head.matrix(), input, row, row + 1, y.data(),
                                                head.n);
  return y[row];
}

struct Choice {
  std::vector<uint32_t> rows;  ///< that may be among the n largest
  float bound;
};

Choice choose(const KernelTable& ops, const Head& head, const Floats& x, size_t n,
              const std::vector<int32_t>& always) {
  const size_t q_stride = (head.k + kHeadBlock - 1) / kHeadBlock * kHeadBlock;
  Exact<uint8_t> q(2 * q_stride);
  Exact<float> d(2 * q_stride / kHeadBlock);
  const CoarseInput input = split_coarse_input(ops, x.data(), head.k, q.data(), d.data(), q_stride);
  const CoarseHead coarse = head.coarse();
  Exact<float> y(2 * size_t{head.n});
  ops.head[static_cast<size_t>(HeadType::kQ8_0)](
      coarse.matrix, {nullptr, 0, q.data(), d.data(), q_stride, 2}, 0, head.n, y.data(), head.n);
  for (const int32_t token : always) y[static_cast<size_t>(token)] = kNan;
  const CoarseProducts products = {coarse, input, y.data(), y.data() + head.n};
  std::vector<float> largest = products.surely(0, head.n, n);
  std::sort(largest.begin(), largest.end(), std::greater<>());
  const float bound = largest.size() < n ? -kInfinity : largest[n - 1];
  return {products.perhaps(0, head.n, bound), bound};
}

/// The rows of the n largest exact products, `always` apart, are chosen, and `always` itself.
void check_choice(const Head& head, const Floats& x, size_t n, const std::vector<int32_t>& always,
                  const std::string& what) {
  for (const Kernels& target : runnable_targets()) {
    Floats y(head.n);
    const HeadInput input = {x.data(), x.size(), nullptr, nullptr, 0, 1};
    target.table.head[static_cast<size_t>(HeadType::kF16)](head.matrix(), input, 0, head.n,
                                                           y.data(), head.n);
    std::vector<uint32_t> order;
    for (uint32_t r = 0; r < head.n; r++) {
      const auto token = static_cast<int32_t>(r);
      if (!std::isnan(y[r]) && std::find(always.begin(), always.end(), token) == always.end()) {
        order.push_back(r);
      }
    }
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return y[a] != y[b] ? y[a] > y[b] : a < b; });
    order.resize(std::min(order.size(), n));
    for (const int32_t token : always) order.push_back(static_cast<uint32_t>(token));
    const Choice choice = choose(target.table, head, x, n, always);
    size_t n_missed = 0;
    for (const uint32_t row : order) {
      n_missed += !std::binary_search(choice.rows.begin(), choice.rows.end(), row);
    }
    CHECK_EQ(n_missed, size_t{0});
    if (n_missed > 0) record_failure(__FILE__, __LINE__, what + " on " + target.table.name);
  }
}

std::vector<uint16_t> random_weights(Random& random, uint32_t n, uint32_t k, float spread) {
  std::vector<uint16_t> weights;
  for (uint32_t r = 0; r < n; r++) {
    const float size = std::exp(spread * random.bell()) * 0.02f;
    for (uint32_t i = 0; i < k; i++) weights.push_back(f32_to_f16(size * random.bell()));
  }
  return weights;
}

Floats random_input(Random& random, uint32_t k, int kind) {
  Floats x((k + 15) / 16 * 16, 0.0f);
  for (uint32_t i = 0; i < k; i++) {
    x[i] = random.bell();
    if (kind == 1 && i % 37 == 3) x[i] *= 40.0f;                      // a few that stand out
    if (kind == 2) x[i] = i % 7 == 0 ? 1e30f * random.bell() : 0.0f;  // huge
    if (kind == 3) x[i] *= 1e-38f;                                    // below normal floats
    if (kind == 4) x[i] = 0.0f;
  }
  return x;
}

BITNET_TEST(coarse_head_random) {
  Random random(1);
  for (const uint32_t k : {32u, 96u, 256u, 320u, 2560u}) {
    for (const float spread : {0.0f, 0.15f, 2.0f}) {
      const uint32_t n = k > 1000 ? 300 : 700;
      const Head head(random_weights(random, n, k, spread), k);
      for (int kind = 0; kind < 5; kind++) {
        const Floats x = random_input(random, k, kind);
        for (const size_t n_largest : {1u, 2u, 40u}) {
          check_choice(head, x, n_largest, {}, "k " + std::to_string(k));
          check_choice(head, x, n_largest, {3, 17, 18, 200}, "with others");
        }
      }
    }
  }
}

BITNET_TEST(coarse_head_against_it) {
  // Rows that the copy cannot tell apart, rows at the edge of what it holds, rows that are not
  // numbers.
  constexpr uint32_t kInputs = 256;
  Random random(2);
  std::vector<uint16_t> weights = random_weights(random, 1, kInputs, 0.0f);
  const std::vector<uint16_t> first(weights);
  for (uint32_t r = 1; r < 400; r++) {
    std::vector<uint16_t> row(first);
    row[r % kInputs] = static_cast<uint16_t>(row[r % kInputs] + r % 3);  // the next numbers
    if (r % 50 == 7) std::fill(row.begin(), row.end(), uint16_t{0});
    if (r % 50 == 8) std::fill(row.begin(), row.end(), uint16_t{1});  // 2^-24
    if (r % 50 == 9) row[5] = 0x7bff;                                 // 65504
    if (r == 111) row[9] = 0x7c00;                                    // infinity
    if (r == 112) row[9] = 0xfc00;
    if (r == 113) row[9] = 0x7e00;  // NaN
    weights.insert(weights.end(), row.begin(), row.end());
  }
  const Head head(weights, kInputs);
  for (int kind = 0; kind < 5; kind++) {
    for (int i = 0; i < 4; i++) {
      const Floats x = random_input(random, kInputs, kind);
      for (const size_t n_largest : {1u, 5u, 40u}) {
        check_choice(head, x, n_largest, {}, "kind " + std::to_string(kind));
      }
    }
  }
  Floats bad = random_input(random, kInputs, 0);
  for (const float value : {kInfinity, -kInfinity, kNan}) {
    bad[77] = value;
    check_choice(head, bad, 3, {}, "an input that is not finite");
  }
}

BITNET_TEST(coarse_head_reads_half) {
  // What is chosen is little, so that little more than half of the head is read.
  Random random(3);
  constexpr uint32_t kInputs = 2560;
  const Head head(random_weights(random, 2000, kInputs, 0.15f), kInputs);
  const KernelTable& ops = runnable_targets().front().table;
  const Floats x = random_input(random, kInputs, 0);
  const Choice one = choose(ops, head, x, 1, {});
  const Choice forty = choose(ops, head, x, 40, {});
  CHECK(one.rows.size() < 20);
  CHECK(forty.rows.size() < 200);
  const double head_bytes = 2.0 * kInputs * head.n;
  const double read_bytes = static_cast<double>(head.copy.size() + head.n * 2 * sizeof(float) +
                                                one.rows.size() * 2 * kInputs);
  CHECK(read_bytes <= 0.55 * head_bytes);
  for (const uint32_t row : one.rows) CHECK(std::isfinite(exact_row(ops, head, x, row)));
}

// ---- in the engine ---------------------------------------------------------------------------

BITNET_TEST(coarse_head_changes_nothing) {
  const SavedModel model(make_tiny_model(tiny_hparams(), {.vocab = "f16", .own_head = true}));
  ModelSpec plain = model.spec();
  plain.head_copy = false;
  Engine whole(plain, {KvType::kF16, 64, 1}, {});
  CHECK(whole.model().weights.head.coarse.error == nullptr);
  Engine copied(model.spec(), {KvType::kF16, 64, 2}, {});
  CHECK(copied.model().weights.head.coarse.error != nullptr);
  CHECK(copied.memory().weight_bytes >= whole.memory().weight_bytes);
  Random random(4);
  for (int i = 0; i < 200; i++) {
    GenerateRequest r;
    r.tokens = random_tokens(1 + random.below(30), 300, random.bits32());
    r.max_tokens = 1 + random.below(20);
    r.speculate = static_cast<Speculate>(random.below(3));
    r.n_logprobs = random.below(5) == 0 ? 2 : -1;
    SamplingParams& s = r.sampling;
    s.seed = random.bits32();
    s.temperature = random.below(3) == 0 ? 0.0f : 1.0f;
    const int32_t counts[] = {0, 1, 5, 40, 64, 65};
    s.top_k = counts[random.below(6)];
    if (random.below(3) == 0) s.repeat_penalty = 1.3f;
    if (random.below(3) == 0) s.frequency_penalty = -0.5f;  // what was said before rises
    if (random.below(3) == 0) s.repeat_last_n = random.below(2) == 0 ? -1 : 3;
    if (random.below(3) == 0) s.logit_bias = {{7, 100.0f}, {8, -100.0f}, {9, 2.0f}};
    const auto expected = generate(whole, whole.create_sequence(100), r);
    const auto got = generate(copied, copied.create_sequence(100), r);
    CHECK(got->tokens() == expected->tokens());
  }
}

BITNET_TEST(coarse_head_needs_an_f16_head) {
  for (const char* vocab : {"f32", "bf16", "q8_0"}) {
    const SavedModel model(make_tiny_model(tiny_hparams(), {.vocab = vocab}));
    const Engine engine(model.spec(), {KvType::kF16, 8, 1}, {});
    CHECK(engine.model().weights.head.coarse.error == nullptr);
  }
  const SavedModel model(make_tiny_model(tiny_hparams()));
  const Engine mapped(model.spec(/*mmap=*/true), {KvType::kF16, 8, 1}, {});
  CHECK(mapped.model().weights.head.coarse.error == nullptr);
}

}  // namespace
}  // namespace bitnet::selftest

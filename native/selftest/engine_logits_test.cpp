// The logits of a tiny model: the same bits however they are computed.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "selftest/sha256.h"
#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/tiny_model.h"
#include "selftest/waiter.h"

namespace bitnet::selftest {
namespace {

struct Way {
  const Kernels* target = nullptr;  ///< null: the most capable
  unsigned n_threads = 1;
  uint32_t batch_size = 512;
  bool mmap = false;
  WeightForm form = WeightForm::kFast;
};

std::string name_of(const Way& way) {
  return std::string(way.target == nullptr ? "best" : way.target->table.name) + ", " +
         std::to_string(way.n_threads) + " threads, batch " + std::to_string(way.batch_size) +
         (way.mmap ? ", mapped" : "") + (way.form == WeightForm::kCompact ? ", compact" : "");
}

/// Logits of every position.
Floats logits_of(const SavedModel& model, KvType kv_type, const std::vector<int32_t>& tokens,
                 const Way& way) {
  ModelSpec spec = model.spec(way.mmap, way.n_threads);
  spec.form = way.form;
  spec.kernels = way.target;
  Engine engine(spec, {kv_type, way.batch_size, way.n_threads}, {});
  return evaluate(engine, engine.create_sequence(512), tokens, Wanted::kAllLogits);
}

void check_ways(const SavedModel& model, KvType kv_type, const std::vector<int32_t>& tokens,
                const std::vector<Way>& ways) {
  const Floats expected =
      logits_of(model, kv_type, tokens, {&runnable_targets().back(), 1, 512, false});
  for (const float logit : expected) CHECK(std::isfinite(logit));
  for (const Way& way : ways) {
    const Floats got = logits_of(model, kv_type, tokens, way);
    CHECK_BITS(got.data(), expected.data(), expected.size(), name_of(way));
  }
}

/// Every target with every other choice, those two by two at least.
std::vector<Way> all_ways() {
  std::vector<Way> ways;
  for (const Kernels& target : runnable_targets()) {
    for (unsigned n_threads = 1; n_threads <= 4; n_threads++) {
      for (const uint32_t batch_size : {1u, 7u, 64u}) {
        if (batch_size == 1 && n_threads > 2) continue;  // slow on few cores
        ways.push_back({&target, n_threads, batch_size, (n_threads + batch_size) % 2 == 0});
      }
    }
  }
  return ways;
}

BITNET_TEST(engine_logits) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  const auto tokens = random_tokens(70, 300, 1);
  for (const KvType kv_type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8}) {
    check_ways(model, kv_type, tokens, all_ways());
  }
}

BITNET_TEST(engine_logits_of_crooked_shapes) {
  for (const char* vocab : {"f32", "bf16", "q8_0"}) {
    TinyOptions options;
    options.vocab = vocab;
    options.own_head = vocab[0] == 'q';
    const SavedModel model(make_tiny_model(crooked_hparams(), options));
    std::vector<Way> ways;
    for (const Kernels& target : runnable_targets()) {
      ways.push_back({&target, 1, 1, false});
      ways.push_back({&target, 3, 13, true});
      ways.push_back({&target, 4, 512, false});
    }
    check_ways(model, KvType::kF16, random_tokens(70, 61, 2), ways);
  }
}

BITNET_TEST(engine_logits_with_q6_k_head) {
  Hparams h = tiny_hparams();
  h.d_model = 256;
  TinyOptions options;
  options.vocab = "q6_k";
  const SavedModel model(make_tiny_model(h, options));
  std::vector<Way> ways;
  for (const Kernels& target : runnable_targets()) {
    ways.push_back({&target, 2, 64, true});
  }
  check_ways(model, KvType::kF32, random_tokens(20, 300, 3), ways);
}

BITNET_TEST(engine_logits_on_every_machine) {
  const auto hash = [](const Floats& logits) {
    Bytes bytes(logits.size() * sizeof(float));
    std::memcpy(bytes.data(), logits.data(), bytes.size());
    return sha256(bytes).substr(0, 32);
  };
  const SavedModel tiny(make_tiny_model(tiny_hparams()));
  const auto tokens = random_tokens(70, 300, 4);
  CHECK_EQ(hash(logits_of(tiny, KvType::kF16, tokens, {})), "4cb871df68ad34cf95f135b5bf84cee2");
  CHECK_EQ(hash(logits_of(tiny, KvType::kF32, tokens, {})), "11ee3da73dfec7f12bdfe62cdfb0b518");
  CHECK_EQ(hash(logits_of(tiny, KvType::kInt8, tokens, {})), "de4e25c16b8b55a05eca0a7e9f537dc3");
  TinyOptions options;
  options.vocab = "q8_0";
  const SavedModel crooked(make_tiny_model(crooked_hparams(), options));
  CHECK_EQ(hash(logits_of(crooked, KvType::kF16, random_tokens(70, 61, 5), {})),
           "41ed8d3d79f922bf9935a16f9c5d3156");
}

BITNET_TEST(engine_logits_of_every_format) {
  for (const Hparams& h : {tiny_hparams(), crooked_hparams()}) {
    const auto tokens = random_tokens(30, h.vocab_size, 6);
    const SavedModel i2_s(make_tiny_model(h));
    const Floats expected = logits_of(i2_s, KvType::kF32, tokens, {});
    for (const char* format : {"hf_packed", "i2_s_group64", "i2_s_row4", "i2_s_seq_hi",
                               "i2_s_seq_lo", "f32", "f16", "bf16"}) {
      TinyOptions options;
      options.linear = format;
      const SavedModel model(make_tiny_model(h, options));
      for (const Kernels& target : runnable_targets()) {
        for (const bool mmap : {false, true}) {
          const Way way = {&target, 2, 64, mmap};
          const Floats got = logits_of(model, KvType::kF32, tokens, way);
          CHECK_BITS(got.data(), expected.data(), expected.size(),
                     std::string(format) + ": " + name_of(way));
        }
      }
    }
  }
}

BITNET_TEST(engine_logits_of_compact_weights) {
  for (const Hparams& h : {tiny_hparams(), crooked_hparams()}) {
    const auto tokens = random_tokens(30, h.vocab_size, 10);
    for (const char* format : {"i2_s", "f32"}) {
      TinyOptions options;
      options.linear = format;
      const SavedModel model(make_tiny_model(h, options));
      std::vector<Way> ways;
      for (const Kernels& target : runnable_targets()) {
        for (const uint32_t batch_size : {1u, 7u, 64u}) {
          ways.push_back({&target, 3, batch_size, false, WeightForm::kCompact});
        }
      }
      check_ways(model, KvType::kF32, tokens, ways);
    }
  }
}

BITNET_TEST(engine_logits_of_unaligned_tensors) {
  const auto tokens = random_tokens(30, 300, 7);
  const SavedModel aligned(make_tiny_model(tiny_hparams()));
  const Floats expected = logits_of(aligned, KvType::kF32, tokens, {});
  for (const size_t shift : {size_t{1}, size_t{2}, size_t{4}}) {
    TinyOptions options;
    options.shift = shift;
    const SavedModel model(make_tiny_model(tiny_hparams(), options));
    for (const Kernels& target : runnable_targets()) {
      for (const bool mmap : {false, true}) {
        const Way way = {&target, 1, 64, mmap};
        const Floats got = logits_of(model, KvType::kF32, tokens, way);
        CHECK_BITS(got.data(), expected.data(), expected.size(), name_of(way));
      }
    }
  }
}

BITNET_TEST(engine_master_weights) {
  // Float masters are ternarised with their mean absolute value.
  TinyOptions options;
  options.linear = "f32";
  ModelImage masters = make_tiny_model(tiny_hparams(), options);
  ModelImage ternary = masters;
  Random random(8);
  for (TensorSpec& spec : masters.tensors) {
    if (spec.rows == 1 || spec.name == "token_embd.weight") continue;
    spec.absmean = true;
    const size_t n = spec.rows * spec.cols;
    auto* values = reinterpret_cast<float*>(masters.data(spec.name));
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
      values[i] = random.bell() * 0.05f;
      sum += static_cast<double>(std::fabs(values[i]));
    }
    const auto scale = static_cast<float>(sum / static_cast<double>(n));
    auto* rounded = reinterpret_cast<float*>(ternary.data(spec.name));
    for (size_t i = 0; i < n; i++) {
      rounded[i] = std::clamp(std::nearbyint(values[i] * (1.0f / scale)), -1.0f, 1.0f) * scale;
    }
  }
  const auto tokens = random_tokens(20, 300, 9);
  const Floats expected = logits_of(SavedModel(ternary), KvType::kF32, tokens, {});
  const Floats got = logits_of(SavedModel(masters), KvType::kF32, tokens, {nullptr, 3, 64, false});
  CHECK_BITS(got.data(), expected.data(), expected.size(), "masters");
}

}  // namespace
}  // namespace bitnet::selftest

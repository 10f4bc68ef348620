// Loading: what a model file may get wrong, and how it is reported.

#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/tiny_model.h"
#include "selftest/waiter.h"
#include "selftest/with_env.h"

namespace bitnet::selftest {
namespace {

std::string load_error(const ModelSpec& spec, const LoadProgress& progress = {}) {
  return error_of([&] { Engine engine(spec, {}, progress); });
}

/// The error of loading a tiny model after something was done to it.
std::string error_after(const std::function<void(ModelImage&)>& damage,
                        const TinyOptions& options = {}, bool mmap = false) {
  ModelImage image = make_tiny_model(tiny_hparams(), options);
  damage(image);
  return load_error(SavedModel(image).spec(mmap, 2));
}

constexpr const char* kQuery = "blk.1.attn_q.weight";
constexpr const char* kNorm = "blk.0.ffn_norm.weight";

BITNET_TEST(engine_loads) {
  for (const bool mmap : {false, true}) CHECK_EQ(error_after([](ModelImage&) {}, {}, mmap), "none");
  // Tensors that nobody asks for are no error.
  CHECK_EQ(error_after([](ModelImage& image) {
             TensorSpec extra = image.tensor(kNorm);
             extra.name = "rope_freqs.weight";
             image.tensors.push_back(extra);
           }),
           "none");
}

BITNET_TEST(engine_load_missing_tensor) {
  const ModelImage whole = make_tiny_model(tiny_hparams());
  for (size_t i = 0; i < whole.tensors.size(); i++) {
    CHECK_EQ(error_after([&](ModelImage& image) {
               image.tensors.erase(image.tensors.begin() + static_cast<std::ptrdiff_t>(i));
             }),
             "E_MODEL_FORMAT");
  }
}

BITNET_TEST(engine_load_wrong_shape) {
  for (const char* name : {kQuery, kNorm, "token_embd.weight", "output_norm.weight"}) {
    CHECK_EQ(error_after([&](ModelImage& image) { image.tensor(name).rows += 1; }),
             "E_MODEL_FORMAT");
    CHECK_EQ(error_after([&](ModelImage& image) { image.tensor(name).cols *= 2; }),
             "E_MODEL_FORMAT");
    CHECK_EQ(error_after([&](ModelImage& image) { image.tensor(name).cols = 0; }),
             "E_MODEL_FORMAT");
    CHECK_EQ(error_after([&](ModelImage& image) {
               std::swap(image.tensor(name).rows, image.tensor(name).cols);
               image.tensor(name).cols += 1;
             }),
             "E_MODEL_FORMAT");
  }
}

BITNET_TEST(engine_load_truncated) {
  for (const bool mmap : {false, true}) {
    CHECK_EQ(error_after([](ModelImage& image) { image.bytes.pop_back(); }, {}, mmap),
             "E_MODEL_FORMAT");
    CHECK_EQ(error_after([](ModelImage& image) { image.bytes.resize(100); }, {}, mmap),
             "E_MODEL_FORMAT");
    CHECK_EQ(error_after([](ModelImage& image) { image.bytes.clear(); }, {}, mmap),
             "E_MODEL_FORMAT");
    const auto spec_error = [&](const std::function<void(TensorSpec&)>& damage) {
      return error_after([&](ModelImage& image) { damage(image.tensor(kQuery)); }, {}, mmap);
    };
    CHECK_EQ(spec_error([](TensorSpec& spec) { spec.bytes -= 1; }), "E_MODEL_FORMAT");
    CHECK_EQ(spec_error([](TensorSpec& spec) { spec.bytes = UINT64_MAX; }), "E_MODEL_FORMAT");
    CHECK_EQ(spec_error([](TensorSpec& spec) { spec.offset = UINT64_MAX - 5; }), "E_MODEL_FORMAT");
    CHECK_EQ(spec_error([](TensorSpec& spec) { spec.offset = uint64_t{1} << 40; }),
             "E_MODEL_FORMAT");
    CHECK_EQ(spec_error([](TensorSpec& spec) { spec.file = 1; }), "E_MODEL_FORMAT");
  }
}

BITNET_TEST(engine_load_bad_codes) {
  // A file that is mapped is not read at load: only copies are checked.
  for (const char* format : {"i2_s", "i2_s_group64", "hf_packed"}) {
    TinyOptions options;
    options.linear = format;
    for (const size_t place : {size_t{0}, size_t{1001}, size_t{4095}}) {
      for (const uint8_t code3 : Bytes{0xc0, 0x30, 0x0c, 0x03}) {
        CHECK_EQ(
            error_after([&](ModelImage& image) { image.data(kQuery)[place] |= code3; }, options),
            "E_MODEL_FORMAT");
      }
    }
  }
}

BITNET_TEST(engine_load_bad_scale) {
  for (const float scale : {kNan, kInfinity, -kInfinity}) {
    for (const bool mmap : {false, true}) {
      CHECK_EQ(error_after(
                   [&](ModelImage& image) {
                     std::memcpy(image.data(kQuery) + 4096, &scale, sizeof scale);
                   },
                   {}, mmap),
               "E_MODEL_FORMAT");
    }
    TinyOptions packed;
    packed.linear = "hf_packed";
    CHECK_EQ(error_after([&](ModelImage& image) { image.tensor(kQuery).scale = scale; }, packed),
             "E_MODEL_FORMAT");
  }
}

BITNET_TEST(engine_load_bad_floats) {
  for (const float bad : {kNan, kInfinity}) {
    CHECK_EQ(error_after(
                 [&](ModelImage& image) { std::memcpy(image.data(kNorm) + 64, &bad, sizeof bad); }),
             "E_MODEL_FORMAT");
    TinyOptions floats;
    floats.linear = "f32";
    const auto damage = [&](ModelImage& image) {
      std::memcpy(image.data(kQuery) + 400, &bad, sizeof bad);
    };
    // Not a number either way: as ternary values and as master weights.
    CHECK(error_after(damage, floats) != "none");
    CHECK_EQ(error_after(
                 [&](ModelImage& image) {
                   damage(image);
                   image.tensor(kQuery).absmean = true;
                 },
                 floats),
             "E_MODEL_FORMAT");
  }
  TinyOptions floats;
  floats.linear = "f32";
  for (const float stray : {0.01f, 3.0f, 1e-40f}) {
    CHECK_EQ(
        error_after(
            [&](ModelImage& image) { std::memcpy(image.data(kQuery) + 400, &stray, sizeof stray); },
            floats),
        "E_UNSUPPORTED");
  }
}

BITNET_TEST(engine_load_wrong_format) {
  const auto with_format = [](const char* name, const char* format) {
    return error_after([&](ModelImage& image) {
      image.tensor(name).format = find_format(format);
      image.tensor(name).bytes = 1000;
    });
  };
  // Weights whose bytes say one thing and whose metadata says another.
  CHECK(with_format(kNorm, "i2_s") != "none");
  CHECK(with_format("token_embd.weight", "i2_s") != "none");
  CHECK(with_format(kQuery, "q6_k") != "none");
}

BITNET_TEST(engine_load_wrong_hparams) {
  const auto with = [](const std::function<void(Hparams&)>& change) {
    return error_after([&](ModelImage& image) { change(image.hparams); });
  };
  CHECK_EQ(with([](Hparams& h) { h.family = "gpt2"; }), "E_UNSUPPORTED");
  CHECK_EQ(with([](Hparams& h) { h.n_layers = 0; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.n_layers = 3; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.d_model = 0; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.d_model = UINT32_MAX; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.d_ff = 1u << 17; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.n_heads = 0; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.n_kv_heads = 0; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.n_kv_heads = 3; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.head_dim = 31; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.head_dim = 2048; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.vocab_size = 0; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.vocab_size = 299; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.context_length = 0; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.rms_norm_eps = kNan; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.rms_norm_eps = -1e-5f; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.rope_theta = 0.0; }), "E_MODEL_FORMAT");
  CHECK_EQ(with([](Hparams& h) { h.rope_theta = HUGE_VAL; }), "E_MODEL_FORMAT");
}

BITNET_TEST(engine_load_missing_file) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  ModelSpec spec = model.spec();
  spec.files[0] += ".nothing";
  CHECK_EQ(load_error(spec), "E_NOT_FOUND");
  spec.files.clear();
  CHECK_EQ(load_error(spec), "E_MODEL_FORMAT");
}

BITNET_TEST(engine_load_unknown_target) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  const WithEnv target("BITNET_KERNEL", "abacus");
  CHECK_EQ(load_error(model.spec()), "E_UNSUPPORTED");
}

BITNET_TEST(engine_load_several_files) {
  // The tensors of two layers in two files.
  const ModelImage image = make_tiny_model(tiny_hparams());
  const SavedModel model(image);
  const TempFile second(image.bytes);
  ModelSpec spec = model.spec();
  spec.files.push_back(second.path());
  for (size_t i = 0; i < spec.tensors.size(); i += 2) spec.tensors[i].file = 1;
  for (const bool mmap : {false, true}) {
    spec.mmap = mmap;
    Engine one(model.spec(), {}, {});
    Engine two(spec, {}, {});
    const auto tokens = random_tokens(5, 300, 1);
    CHECK(evaluate(one, one.create_sequence(8), tokens, Wanted::kLastLogits) ==
          evaluate(two, two.create_sequence(8), tokens, Wanted::kLastLogits));
  }
}

BITNET_TEST(engine_load_progress) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  for (const unsigned n_threads : {1u, 4u}) {
    // Calls come from several threads, but one at a time.
    std::vector<std::pair<uint64_t, uint64_t>> calls;
    CHECK_EQ(load_error(model.spec(false, n_threads),
                        [&](uint64_t done, uint64_t total) { calls.emplace_back(done, total); }),
             "none");
    CHECK(!calls.empty());
    for (size_t i = 1; i < calls.size(); i++) {
      CHECK(calls[i].first >= calls[i - 1].first);
      CHECK_EQ(calls[i].second, calls[0].second);
    }
    CHECK_EQ(calls.back().first, calls.back().second);
  }
}

BITNET_TEST(engine_memory) {
  const SavedModel model(make_tiny_model(tiny_hparams()));
  Engine engine(model.spec(), {KvType::kF16, 64, 2}, {});
  const MemoryUse before = engine.memory();
  CHECK(before.weight_bytes >= model.spec().tensors[0].bytes);
  CHECK(before.activation_bytes > 0);
  CHECK_EQ(before.kv_cache_bytes, size_t{0});
  CHECK(before.kv_chunk_bytes >= size_t{2 * 2 * 2} * kKvChunk * 32 * 2);
  const auto sequence = engine.create_sequence(64);
  CHECK_EQ(engine.memory().kv_cache_bytes, size_t{0});
  evaluate(engine, sequence, {1, 2, 3}, Wanted::kLastLogits);
  CHECK(engine.memory().kv_cache_bytes >= before.kv_chunk_bytes);
}

BITNET_TEST(engine_memory_of_compact_weights) {
  Hparams h = tiny_hparams();
  h.d_ff = 1 << 15;  // 16 MB in 2 bits: large beside the pages of 2 MB
  const SavedModel model(make_tiny_model(h));
  const auto bytes_of = [&](const Kernels& target, WeightForm form) {
    ModelSpec spec = model.spec();
    spec.kernels = &target;
    spec.form = form;
    return Engine(spec, {KvType::kF16, 64, 1}, {}).memory().weight_bytes;
  };
  for (const Kernels& target : runnable_targets()) {
    const size_t fast = bytes_of(target, WeightForm::kFast);
    const size_t compact = bytes_of(target, WeightForm::kCompact);
    if (has_compact(target)) {
      CHECK(compact * 10 < fast * 9);
    } else {
      CHECK_EQ(compact, fast);
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest

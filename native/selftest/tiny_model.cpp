#include "selftest/tiny_model.h"

#include <stdexcept>

#include "formats/convert.h"

namespace bitnet::selftest {
namespace {

/// As GGUF files have it.
constexpr size_t kAlignment = 32;

/// Appends tensors to an image.
class Writer {
 public:
  Writer(ModelImage& image, const TinyOptions& options) : image_(image), options_(options) {}

  void norm(const std::string& name, uint64_t n) {
    Random random = next_random();
    Floats values(n);
    for (float& v : values) v = 1.0f + 0.5f * random.uniform();
    add(name, "f32", 1, n, values);
  }

  void vocab(const std::string& name, uint64_t rows, uint64_t cols) {
    Random random = next_random();
    Floats values(rows * cols);
    for (float& v : values) v = random.bell();
    add(name, options_.vocab, rows, cols, values);
  }

  /// The scale has few bits, so that every float format holds it exactly.
  void linear(const std::string& name, uint64_t rows, uint64_t cols) {
    Random random = next_random();
    const float scale = 0.0625f * (1.0f + 0.125f * static_cast<float>(random.below(8)));
    Floats values(rows * cols);
    for (float& v : values) v = (static_cast<float>(random.code()) - 1.0f) * scale;
    add(name, options_.linear, rows, cols, values, scale);
  }

 private:
  Random next_random() { return Random(++n_tensors_ * 1000); }

  void add(const std::string& name, const char* format_name, uint64_t rows, uint64_t cols,
           const Floats& values, float scale = 1.0f) {
    const Format& format = *find_format(format_name);
    const auto* source = reinterpret_cast<const uint8_t*>(values.data());
    Bytes payload = convert_rows(*find_format("f32"), format, rows, cols, source,
                                 values.size() * sizeof(float), scale);
    const size_t tail_at = payload.size();
    payload.resize(tail_at + format.tail_bytes, 0xcd);
    if (format.tail_bytes > 0) std::memcpy(payload.data() + tail_at, &scale, sizeof scale);

    const size_t at = (image_.bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
    image_.bytes.resize(at + options_.shift, 0xab);
    TensorSpec spec;
    spec.name = name;
    spec.format = &format;
    spec.rows = rows;
    spec.cols = cols;
    spec.offset = image_.bytes.size();
    spec.bytes = payload.size();
    if (format.ternary && format.tail_bytes == 0) spec.scale = scale;
    image_.tensors.push_back(spec);
    image_.bytes.insert(image_.bytes.end(), payload.begin(), payload.end());
  }

  ModelImage& image_;
  const TinyOptions& options_;
  uint32_t n_tensors_ = 0;
};

}  // namespace

TensorSpec& ModelImage::tensor(const std::string& name) {
  for (TensorSpec& spec : tensors) {
    if (spec.name == name) return spec;
  }
  throw std::runtime_error("no tensor " + name);
}

Hparams tiny_hparams() {
  Hparams h;
  h.family = "bitnet-b1.58";
  h.n_layers = 2;
  h.d_model = 128;
  h.d_ff = 256;
  h.n_heads = 4;
  h.n_kv_heads = 2;
  h.head_dim = 32;
  h.vocab_size = 300;
  h.context_length = 4096;
  h.rms_norm_eps = 1e-5f;
  h.rope_theta = 500000.0;
  return h;
}

Hparams crooked_hparams() {
  Hparams h = tiny_hparams();
  h.d_model = 96;
  h.d_ff = 160;
  h.n_kv_heads = 1;
  h.head_dim = 24;
  h.vocab_size = 61;
  h.rope_theta = 10000.0;
  h.activation = Activation::kSilu;
  return h;
}

ModelImage make_tiny_model(const Hparams& h, const TinyOptions& options) {
  ModelImage image;
  image.hparams = h;
  Writer writer(image, options);
  writer.vocab("token_embd.weight", h.vocab_size, h.d_model);
  for (uint32_t i = 0; i < h.n_layers; i++) {
    const std::string prefix = "blk." + std::to_string(i) + ".";
    writer.norm(prefix + "attn_norm.weight", h.d_model);
    writer.linear(prefix + "attn_q.weight", h.d_attention(), h.d_model);
    writer.linear(prefix + "attn_k.weight", h.d_kv(), h.d_model);
    writer.linear(prefix + "attn_v.weight", h.d_kv(), h.d_model);
    writer.norm(prefix + "attn_sub_norm.weight", h.d_attention());
    writer.linear(prefix + "attn_output.weight", h.d_model, h.d_attention());
    writer.norm(prefix + "ffn_norm.weight", h.d_model);
    writer.linear(prefix + "ffn_gate.weight", h.d_ff, h.d_model);
    writer.linear(prefix + "ffn_up.weight", h.d_ff, h.d_model);
    writer.norm(prefix + "ffn_sub_norm.weight", h.d_ff);
    writer.linear(prefix + "ffn_down.weight", h.d_model, h.d_ff);
  }
  writer.norm("output_norm.weight", h.d_model);
  if (options.own_head) writer.vocab("output.weight", h.vocab_size, h.d_model);
  return image;
}

SavedModel::SavedModel(const ModelImage& image)
    : file_(image.bytes), hparams_(image.hparams), tensors_(image.tensors) {}

ModelSpec SavedModel::spec(bool mmap, unsigned n_threads) const {
  return {{file_.path()}, hparams_, tensors_, {}, n_threads, mmap};
}

std::vector<int32_t> random_tokens(size_t n, uint32_t vocab_size, uint32_t seed) {
  Random random(seed);
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random.below(vocab_size));
  return tokens;
}

}  // namespace bitnet::selftest

#include "selftest/tiny_model.h"

#include <stdexcept>

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
    add_floats(name, "f32", 1, n, values);
  }

  void vocab(const std::string& name, uint64_t rows, uint64_t cols) {
    Random random = next_random();
    Floats values(rows * cols);
    for (float& v : values) v = random.bell();
    add_floats(name, options_.vocab, rows, cols, values);
  }

  /// The scale has few bits, so that every float format holds it exactly.
  void linear(const std::string& name, uint64_t rows, uint64_t cols) {
    Random random = next_random();
    const float scale = 0.0625f * (1.0f + 0.125f * static_cast<float>(random.below(8)));
    Bytes codes(rows * cols);
    for (uint8_t& code : codes) code = random.code();
    const Format& format = *find_format(options_.linear);
    if (!format.ternary) {
      Floats values(codes.size());
      for (size_t i = 0; i < values.size(); i++) {
        values[i] = (static_cast<float>(codes[i]) - 1.0f) * scale;
      }
      add_floats(name, options_.linear, rows, cols, values);
      return;
    }
    Bytes payload(payload_bytes(format, rows, cols));
    if (payload.empty()) throw std::runtime_error(name + " does not fit " + format.name);
    format.pack(codes.data(), rows, cols, payload.data());
    payload.resize(payload.size() + format.tail_bytes, 0xcd);
    if (format.tail_bytes > 0) {
      std::memcpy(payload.data() + payload.size() - format.tail_bytes, &scale, sizeof scale);
    }
    add(name, format, rows, cols, payload);
    if (format.tail_bytes == 0) image_.tensors.back().scale = scale;
  }

 private:
  Random next_random() { return Random(++n_tensors_ * 1000); }

  void add_floats(const std::string& name, const char* format_name, uint64_t rows, uint64_t cols,
                  const Floats& values) {
    const Format& format = *find_format(format_name);
    Bytes payload(payload_bytes(format, rows, cols));
    if (payload.empty()) throw std::runtime_error(name + " does not fit " + format_name);
    format.encode(values.data(), payload.data(), values.size());
    add(name, format, rows, cols, payload);
  }

  void add(const std::string& name, const Format& format, uint64_t rows, uint64_t cols,
           const Bytes& payload) {
    const size_t at = (image_.bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
    image_.bytes.resize(at + options_.shift, 0xab);
    TensorSpec spec;
    spec.name = name;
    spec.format = &format;
    spec.rows = rows;
    spec.cols = cols;
    spec.offset = image_.bytes.size();
    spec.bytes = payload.size();
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
  return {{file_.path()}, hparams_, tensors_, n_threads, mmap};
}

std::vector<int32_t> random_tokens(size_t n, uint32_t vocab_size, uint32_t seed) {
  Random random(seed);
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random.below(vocab_size));
  return tokens;
}

}  // namespace bitnet::selftest

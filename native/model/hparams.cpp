#include "model/hparams.h"

#include <cmath>

#include "base/error.h"

namespace bitnet {
namespace {

// Bounds that no published model comes near; they keep every size computed from them in 64 bits
// and every dot product in 32 (k * 127 * 3 < 2^31).
constexpr uint32_t kMaxLayers = 1024;
constexpr uint32_t kMaxWidth = 1u << 20;
constexpr uint32_t kMaxDotLength = 1u << 16;
constexpr uint32_t kMaxHeadDim = 1024;
constexpr uint32_t kMaxVocab = 1u << 24;
constexpr uint32_t kMaxContext = 1u << 24;

void require(bool good, const char* what, double value) {
  if (good) return;
  throw Error(ErrorCode::kModelFormat,
              std::string("impossible hyper-parameter: ") + what + " = " + std::to_string(value));
}

void require_between(const char* what, uint32_t value, uint32_t most) {
  require(value >= 1 && value <= most, what, value);
}

}  // namespace

void validate(const Hparams& h) {
  require_between("n_layers", h.n_layers, kMaxLayers);
  require_between("d_model", h.d_model, kMaxDotLength);
  require_between("d_ff", h.d_ff, kMaxDotLength);
  require_between("n_heads", h.n_heads, kMaxWidth);
  require_between("n_kv_heads", h.n_kv_heads, kMaxWidth);
  require_between("head_dim", h.head_dim, kMaxHeadDim);
  require(h.head_dim % 2 == 0, "head_dim", h.head_dim);
  require(h.n_heads % h.n_kv_heads == 0, "n_heads / n_kv_heads",
          static_cast<double>(h.n_heads) / h.n_kv_heads);
  require(uint64_t{h.n_heads} * h.head_dim <= kMaxDotLength, "n_heads * head_dim",
          static_cast<double>(h.n_heads) * h.head_dim);
  require_between("vocab_size", h.vocab_size, kMaxVocab);
  require_between("context_length", h.context_length, kMaxContext);
  require(std::isfinite(h.rms_norm_eps) && h.rms_norm_eps >= 0.0f && h.rms_norm_eps < 1.0f,
          "rms_norm_eps", static_cast<double>(h.rms_norm_eps));
  require(std::isfinite(h.yarn.factor) && h.yarn.factor >= 1.0 && h.yarn.factor <= 1e6,
          "rope scaling factor", h.yarn.factor);
  require(h.yarn.factor == 1.0 || h.yarn.original_context >= 1.0, "rope original context",
          h.yarn.original_context);
  require(std::isfinite(h.rope_theta) && h.rope_theta >= 1.0 && h.rope_theta <= 1e12, "rope_theta",
          h.rope_theta);
}

}  // namespace bitnet

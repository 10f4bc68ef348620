// Element-wise operations and norms: every target against scalar bit by bit, and scalar against
// double precision.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "selftest/support.h"
#include "selftest/targets.h"

namespace bitnet::selftest {
namespace {

const uint32_t kSizes[] = {1,  2,   15,  16,  17,  31,  33,   63,  64,
                           65, 100, 127, 128, 255, 640, 2560, 6912};

/// n floats of very different size, zeros of both signs among them.
Floats wild_floats(size_t n, uint32_t seed) {
  Random random(seed);
  Floats x(n);
  for (float& v : x) {
    v = std::ldexp(random.uniform(), static_cast<int>(random.below(24)) - 12);
    if (random.below(40) == 0) v = std::copysign(0.0f, v);
  }
  return x;
}

Floats bell_floats(size_t n, uint32_t seed) {
  Random random(seed);
  Floats x(n);
  for (float& v : x) v = random.bell();
  return x;
}

/// A copy that ends where its memory ends and does not begin on a vector boundary.
class Shifted {
 public:
  explicit Shifted(const Floats& x) : memory_(x.size() + 1) {
    std::copy(x.begin(), x.end(), memory_.data() + 1);
  }
  float* data() { return memory_.data() + 1; }

 private:
  Exact<float> memory_;
};

std::string at(const KernelTable& t, const char* operation, size_t n) {
  return std::string(t.name) + " " + operation + " of " + std::to_string(n);
}

// ---- operations on two rows ------------------------------------------------------------------

using Pairs = void (*)(const float* g, const float* u, uint32_t n, float* y);

/// Calls fn(g, u, y, n) for every target's operation on inputs of every size.
template <class Fn>
void check_pairs(const char* name, Pairs KernelTable::* operation, Fn reference) {
  for (const uint32_t n : kSizes) {
    for (const uint32_t seed : {1u, 2u}) {
      const Floats g = seed == 1 ? wild_floats(n, seed) : bell_floats(n, seed);
      const Floats u = wild_floats(n, seed + 10);
      Floats expected(n);
      (scalar_target().*operation)(g.data(), u.data(), n, expected.data());
      reference(g, u, expected);
      for (const Kernels& target : runnable_targets()) {
        Shifted in(g);
        Shifted with(u);
        Exact<float> out(n, kCanary);
        (target.table.*operation)(in.data(), with.data(), n, out.data());
        CHECK_BITS(out.data(), expected.data(), n, at(target.table, name, n));
        // The feed-forward block works in place.
        (target.table.*operation)(in.data(), with.data(), n, in.data());
        CHECK_BITS(in.data(), expected.data(), n, at(target.table, name, n) + " in place");
      }
    }
  }
}

BITNET_TEST(kernels_add) {
  for (const uint32_t n : kSizes) {
    const Floats x = wild_floats(n, 1);
    const Floats y = wild_floats(n, 2);
    Floats expected(n);
    for (size_t i = 0; i < n; i++) expected[i] = x[i] + y[i];
    for (const Kernels& target : runnable_targets()) {
      Shifted sum(x);
      Shifted addend(y);
      target.table.add(sum.data(), addend.data(), n);
      CHECK_BITS(sum.data(), expected.data(), n, at(target.table, "add", n));
    }
  }
}

BITNET_TEST(kernels_relu2_mul) {
  check_pairs("relu2_mul", &KernelTable::relu2_mul,
              [](const Floats& g, const Floats& u, const Floats& y) {
                for (size_t i = 0; i < g.size(); i++) {
                  const float positive = g[i] > 0.0f ? g[i] : 0.0f;
                  CHECK(same_bits(y[i], positive * positive * u[i]));
                }
              });
}

/// What the gate's sigmoid is taken of: g itself, or the argument of GELU's tanh, doubled.
using Exponent = double (*)(double g);
double silu_exponent(double g) { return g; }
double gelu_exponent(double g) { return 1.5957691216057308 * (g + 0.044715 * g * g * g); }

/// |gate - exact| relative to |exact|: a few roundings and, for negative gates, those of the
/// exponent t, which grow with it.
double gate_bound(double t, double per_exponent) {
  return t >= 0.0 ? 5e-7 : 5e-7 - t * per_exponent;
}

/// Exponents below this give less than 2^-120 |g u|: nothing is promised but that it is so little.
constexpr double kGateUnderflow = -86.0;

void check_gate(Exponent exponent, double per_exponent, const Floats& g, const Floats& u,
                const Floats& y) {
  for (size_t i = 0; i < g.size(); i++) {
    const auto gate = static_cast<double>(g[i]);
    const auto up = static_cast<double>(u[i]);
    const double t = exponent(gate);
    const double exact = gate / (1.0 + std::exp(-t)) * up;
    const double error = std::fabs(static_cast<double>(y[i]) - exact);
    if (t < kGateUnderflow) {
      CHECK(std::fabs(static_cast<double>(y[i])) <= std::fabs(gate * up) * 0x1p-120);
    } else {
      CHECK(error <= gate_bound(t, per_exponent) * std::fabs(exact) + 0x1p-149);
    }
  }
}

void check_silu(const Floats& g, const Floats& u, const Floats& y) {
  check_gate(silu_exponent, 1e-7, g, u, y);
}
void check_gelu(const Floats& g, const Floats& u, const Floats& y) {
  check_gate(gelu_exponent, 4e-7, g, u, y);  // the cube is rounded, too
}

BITNET_TEST(kernels_silu_mul) { check_pairs("silu_mul", &KernelTable::silu_mul, check_silu); }
BITNET_TEST(kernels_gelu_mul) { check_pairs("gelu_mul", &KernelTable::gelu_mul, check_gelu); }

/// Gates from end to end, and those where infinities and subnormals come up on the way.
template <class Check>
void check_whole_range(const char* name, Pairs KernelTable::* operation, Check check) {
  Floats g = {0.0f, -0.0f, 1e4f, -1e4f, 3e38f, -3e38f, 1e-40f, -1e-40f, 87.0f, -87.0f, 126.0f};
  for (float v = -90.0f; v <= 90.0f; v += 0.0137f) g.push_back(v);
  for (float v = -9.0f; v <= 9.0f; v += 0.00137f) g.push_back(v);
  const auto n = static_cast<uint32_t>(g.size());
  for (const float factor : {1.0f, -0.37f}) {
    const Floats u(n, factor);
    Floats expected(n);
    (scalar_target().*operation)(g.data(), u.data(), n, expected.data());
    check(g, u, expected);
    CHECK_EQ(expected[0], 0.0f);
    CHECK_EQ(expected[1], 0.0f);
    CHECK_EQ(expected[2], 1e4f * factor);
    for (const Kernels& target : runnable_targets()) {
      Exact<float> y(n);
      (target.table.*operation)(g.data(), u.data(), n, y.data());
      CHECK_BITS(y.data(), expected.data(), n, at(target.table, name, n));
    }
  }
}

BITNET_TEST(kernels_gates_whole_range) {
  check_whole_range("silu_mul", &KernelTable::silu_mul, check_silu);
  check_whole_range("gelu_mul", &KernelTable::gelu_mul, check_gelu);
}

// ---- rms_norm --------------------------------------------------------------------------------

/// The documented order: 64 lanes of fused multiply-add, folded 32, 16, 8, 4, 2, 1.
float square_sum_slowly(const Floats& x) {
  float lane[64] = {};
  for (size_t i = 0; i < x.size(); i++) lane[i % 64] = std::fma(x[i], x[i], lane[i % 64]);
  for (size_t width = 32; width > 0; width /= 2) {
    for (size_t i = 0; i < width; i++) lane[i] += lane[i + width];
  }
  return lane[0];
}

Floats rms_norm_slowly(const Floats& x, const Floats& w, float eps) {
  const float mean = square_sum_slowly(x) / static_cast<float>(x.size());
  const float inverse = 1.0f / std::sqrt(mean + eps);
  Floats y(x.size());
  for (size_t i = 0; i < x.size(); i++) y[i] = x[i] * inverse * w[i];
  return y;
}

void check_rms_norm_bound(const Floats& x, const Floats& w, float eps, const Floats& y) {
  constexpr double kBound = 1e-6;
  double sum = 0.0;
  for (const float v : x) sum += static_cast<double>(v) * static_cast<double>(v);
  const double inverse =
      1.0 / std::sqrt(sum / static_cast<double>(x.size()) + static_cast<double>(eps));
  for (size_t i = 0; i < x.size(); i++) {
    const double exact = static_cast<double>(x[i]) * inverse * static_cast<double>(w[i]);
    CHECK(std::fabs(static_cast<double>(y[i]) - exact) <= kBound * std::fabs(exact) + 0x1p-148);
  }
}

BITNET_TEST(kernels_rms_norm) {
  for (const uint32_t n : kSizes) {
    const Floats w = bell_floats(n, 7);
    const std::vector<Floats> inputs = {wild_floats(n, 1), bell_floats(n, 2), Floats(n, 0.0f),
                                        Floats(n, 1e-20f), Floats(n, -3e15f)};
    for (const float eps : {1e-5f, 1e-6f}) {
      for (const Floats& x : inputs) {
        const Floats expected = rms_norm_slowly(x, w, eps);
        check_rms_norm_bound(x, w, eps, expected);
        for (const Kernels& target : runnable_targets()) {
          Shifted in(x);
          Shifted weights(w);
          Exact<float> out(n, kCanary);
          target.table.rms_norm(in.data(), weights.data(), n, eps, out.data());
          CHECK_BITS(out.data(), expected.data(), n, at(target.table, "rms_norm", n));
          target.table.rms_norm(in.data(), weights.data(), n, eps, in.data());
          CHECK_BITS(in.data(), expected.data(), n, at(target.table, "rms_norm", n) + " in place");
        }
      }
    }
  }
}

// ---- rope ------------------------------------------------------------------------------------

Floats rope_slowly(Floats x, uint32_t n_heads, uint32_t head_dim, const Floats& cos,
                   const Floats& sin) {
  for (size_t head = 0; head < n_heads; head++) {
    float* a = x.data() + head * head_dim;
    float* b = a + head_dim / 2;
    for (size_t i = 0; i < head_dim / 2; i++) {
      const float rotated = std::fma(-b[i], sin[i], a[i] * cos[i]);
      b[i] = std::fma(a[i], sin[i], b[i] * cos[i]);
      a[i] = rotated;
    }
  }
  return x;
}

void check_rope(const Floats& x, uint32_t n_heads, uint32_t head_dim, const Floats& cos,
                const Floats& sin) {
  const Floats expected = rope_slowly(x, n_heads, head_dim, cos, sin);
  for (const Kernels& target : runnable_targets()) {
    Shifted rotated(x);
    Shifted c(cos);
    Shifted s(sin);
    target.table.rope(rotated.data(), n_heads, head_dim, c.data(), s.data());
    CHECK_BITS(rotated.data(), expected.data(), x.size(), at(target.table, "rope", head_dim));
  }
}

BITNET_TEST(kernels_rope) {
  for (const uint32_t head_dim : {2u, 16u, 30u, 32u, 34u, 64u, 96u, 100u, 128u, 256u, 1024u}) {
    Floats cos(head_dim / 2);
    Floats sin(head_dim / 2);
    for (size_t i = 0; i < cos.size(); i++) {
      cos[i] = static_cast<float>(std::cos(0.7 * static_cast<double>(i + 1)));
      sin[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i + 1)));
    }
    for (const uint32_t n_heads : {1u, 2u, 3u, 20u}) {
      check_rope(wild_floats(size_t{n_heads} * head_dim, 3), n_heads, head_dim, cos, sin);
    }
  }
}

BITNET_TEST(kernels_fused_multiply_add) {
  // With a cosine of 1, rope is a fused multiply-add of any three numbers: here of random bits, so
  // that products and sums of all sizes occur, and of near ties, where rounding twice is wrong.
  constexpr uint32_t kHalf = 100000;
  Random random(31);
  Floats x(2 * kHalf);
  Floats sin(kHalf);
  for (size_t i = 0; i < kHalf; i++) {
    float a = std::bit_cast<float>(random.bits32());
    float s = std::bit_cast<float>(random.bits32());
    float b = std::bit_cast<float>(random.bits32());
    if (i % 4 != 0) {
      // a * s is close to half a unit in the last place of b.
      b = 1.0f + std::fabs(random.uniform());
      a = std::ldexp(1.0f + std::ldexp(std::floor(random.uniform() * 8.0f), -23), -12);
      s = std::ldexp(1.0f + std::ldexp(std::floor(random.uniform() * 8.0f), -23), -12);
    }
    if (i % 4 == 2) b = std::ldexp(b, -126);  // subnormal results
    if (i % 4 == 2) a = std::ldexp(random.uniform(), -70);
    if (i % 4 == 2) s = std::ldexp(random.uniform(), -70);
    // Not a number has many bit patterns; products that overflow give infinities and those.
    for (float* v : {&a, &s, &b}) {
      if (!std::isfinite(*v) || std::fabs(*v) > 1e18f) *v = random.uniform();
    }
    x[i] = a;
    x[kHalf + i] = b;
    sin[i] = s;
  }
  check_rope(x, 1, 2 * kHalf, Floats(kHalf, 1.0f), sin);
}

}  // namespace
}  // namespace bitnet::selftest

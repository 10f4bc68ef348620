// Ternary products of every target against dots in plain 64-bit integers.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/ternary_matrix.h"

namespace bitnet::selftest {
namespace {

constexpr unsigned kMaxThreads = 5;

enum class WeightKind { kMinus, kZero, kPlus, kRandom };
enum class InputKind { kMost, kLeast, kLowest, kAlternating, kRandom };

uint8_t weight_code(WeightKind kind, Random& random) {
  return kind == WeightKind::kRandom ? random.code() : static_cast<uint8_t>(kind);
}

int8_t input_code(InputKind kind, uint32_t j, Random& random) {
  switch (kind) {
    case InputKind::kMost:
      return 127;
    case InputKind::kLeast:
      return -127;
    case InputKind::kLowest:
      return -128;  // a clamp may leave it
    case InputKind::kAlternating:
      return j % 2 == 0 ? 127 : -127;
    case InputKind::kRandom:
      break;
  }
  return static_cast<int8_t>(random.byte());
}

/// Operands of the largest case of one k. Smaller cases are its corners, so the dots are computed
/// once for all of them.
struct Sheet {
  Sheet(uint32_t rows, uint32_t tokens, uint32_t inputs, WeightKind weights, InputKind activations)
      : n(rows), m(tokens), k(inputs), codes(size_t{n} * k), q(size_t{m} * k) {
    Random random(n * 131 + m * 17 + k);
    for (uint8_t& code : codes) code = weight_code(weights, random);
    for (size_t i = 0; i < q.size(); i++) {
      q[i] = input_code(activations, static_cast<uint32_t>(i % k), random);
    }
    // The first rows share a scale, as all rows of most files do.
    const float w_scale = 0.01f + 0.05f * random.uniform();  // of either sign
    for (uint32_t r = 0; r < n; r++) {
      w_scales.push_back(r < kOneScaleRows ? w_scale : 0.01f + 0.05f * random.uniform());
    }
    for (uint32_t i = 0; i < m; i++) x_scale.push_back(30.0f + 29.0f * random.uniform());
    multiply();
  }

  void multiply() {
    sums.assign(m, 0);
    results.resize(size_t{m} * n);
    for (uint32_t i = 0; i < m; i++) {
      const int8_t* x = q.data() + size_t{i} * k;
      for (uint32_t j = 0; j < k; j++) sums[i] += x[j];
      for (uint32_t r = 0; r < n; r++) {
        const uint8_t* w = codes.data() + size_t{r} * k;
        int64_t dot = 0;
        for (uint32_t j = 0; j < k; j++) dot += (w[j] - 1) * x[j];
        results[size_t{i} * n + r] = static_cast<float>(dot) * (w_scales[r] / x_scale[i]);
      }
    }
  }

  PackedMatrix packed(uint32_t n_rows, const TernaryKernels& kernels) const {
    PackedMatrix matrix(codes, n_rows, k, 0.0f, kernels);
    matrix.set_row_scales(w_scales);
    return matrix;
  }

  static constexpr uint32_t kOneScaleRows = 70;
  uint32_t n, m, k;
  Bytes codes;                // [n, k]
  std::vector<int8_t> q;      // [m, k]
  std::vector<int32_t> sums;  // [m]
  Floats x_scale;             // [m]
  Floats w_scales;            // [n]
  Floats results;             // [m, n]
};

/// The first m tokens of a sheet as a kernel reads them.
class Inputs {
 public:
  Inputs(const Sheet& sheet, uint32_t m)
      : k_padded_(round_up(sheet.k, kTernaryGroup)),
        q_(size_t{m} * k_padded_),
        scales_(sheet.x_scale.data(), m),
        sums_(sheet.sums.data(), m),
        packed_(0) {
    for (uint32_t i = 0; i < m; i++) {
      std::copy_n(sheet.q.data() + size_t{i} * sheet.k, sheet.k, q_.data() + size_t{i} * k_padded_);
    }
    view = {m,       q_.data(), k_padded_, scales_.data(), sums_.data(),
            nullptr, nullptr,   nullptr,   nullptr,        0};
  }

  void pack(const TernaryKernels& kernels, unsigned n_threads) {
    if (kernels.pack_x == nullptr) return;
    const uint32_t m_padded = round_up(view.m, kernels.m_tile);
    packed_ = Exact<int8_t>(size_t{m_padded} * k_padded_, 99);
    for (unsigned i = 0; i < n_threads; i++) {
      const Share share = share_of(m_padded, kernels.m_tile, i, n_threads);
      kernels.pack_x(view, k_padded_, static_cast<uint32_t>(share.begin),
                     static_cast<uint32_t>(share.end), packed_.data());
    }
    view.packed = packed_.data();
  }

  TernaryInput view;

 private:
  uint32_t k_padded_;
  Exact<int8_t> q_;
  Exact<float> scales_;
  Exact<int32_t> sums_;
  Exact<int8_t> packed_;
};

std::string describe(const NamedTernary& named, const Sheet& sheet, const TernaryMatrix& w,
                     const TernaryInput& x, const Share& share) {
  return named.name + (x.packed == nullptr ? " gemv" : " gemm") + " m " + std::to_string(x.m) +
         " n " + std::to_string(w.n) + " k " + std::to_string(sheet.k) + " rows " +
         std::to_string(share.begin) + ".." + std::to_string(share.end);
}

/// The product by shares of n_threads threads, each into memory of its own: every row of the share
/// is right and nothing else is written.
void check_product(const NamedTernary& named, const Sheet& sheet, const TernaryMatrix& w,
                   const TernaryInput& x, bool direct, unsigned n_threads, size_t padding = 3) {
  const TernaryKernels& kernels = *named.kernels;
  const size_t stride = w.n + padding;
  const size_t y_size = (x.m - 1) * stride + w.n;
  for (unsigned thread = 0; thread < n_threads; thread++) {
    const Share share = share_of(w.n, kernels.n_multiple, thread, n_threads);
    if (share.begin == share.end) continue;
    const auto begin = static_cast<uint32_t>(share.begin);
    const auto end = static_cast<uint32_t>(share.end);
    Exact<float> y(y_size, kCanary);
    Floats expected(y_size, kCanary);
    for (uint32_t i = 0; i < x.m; i++) {
      const float* from = sheet.results.data() + size_t{i} * sheet.n;
      std::copy(from + begin, from + end, expected.data() + i * stride + begin);
    }
    if (direct) {
      kernels.gemv(w, x, begin, end, y.data(), stride);
    } else {
      Exact<uint8_t> scratch(kernels.scratch_bytes(w.k_padded), 0xee);
      kernels.gemm(w, x, begin, end, y.data(), stride, scratch.data());
    }
    CHECK_BITS(y.data(), expected.data(), y_size, describe(named, sheet, w, x, share));
  }
}

void check_case(const NamedTernary& named, const Sheet& sheet, const TernaryMatrix& w, uint32_t m,
                unsigned n_threads) {
  Inputs inputs(sheet, m);
  if (m <= named.kernels->m_direct) {
    check_product(named, sheet, w, inputs.view, /*direct=*/true, n_threads);
  }
  inputs.pack(*named.kernels, n_threads);
  check_product(named, sheet, w, inputs.view, /*direct=*/false, n_threads);
}

std::set<uint32_t> positive(std::initializer_list<uint32_t> values) {
  std::set<uint32_t> set(values);
  set.erase(0);
  return set;
}

std::set<uint32_t> all_m(const TernaryKernels& t) {
  return positive({1, 2, 3, t.m_direct - 1, t.m_direct, t.m_direct + 1, t.m_tile - 1, t.m_tile,
                   t.m_tile + 1, 17, 33, 64});
}
std::set<uint32_t> all_n(const TernaryKernels& t) {
  return positive({1, t.n_multiple - 1, t.n_multiple, t.n_multiple + 1, 37, 96});
}
std::set<uint32_t> few_m(const TernaryKernels& t) {
  return {1, t.m_direct, t.m_direct + 1, t.m_tile + 1};
}
std::set<uint32_t> few_n(const TernaryKernels& t) { return {1, t.n_multiple + 1}; }

/// A sheet large enough for the given sizes of all kernels.
template <class SizesM, class SizesN>
Sheet sheet_for(SizesM sizes_m, SizesN sizes_n, uint32_t k, WeightKind weights,
                InputKind activations) {
  uint32_t m = 1;
  uint32_t n = 1;
  for (const NamedTernary& named : runnable_ternary_kernels()) {
    m = std::max(m, *sizes_m(*named.kernels).rbegin());
    n = std::max(n, *sizes_n(*named.kernels).rbegin());
  }
  return Sheet(n, m, k, weights, activations);
}

BITNET_TEST(kernels_ternary_every_size) {
  for (const uint32_t k : {1u, 100u, 127u, 128u, 129u, 256u, 640u, 704u}) {
    const Sheet sheet = sheet_for(all_m, all_n, k, WeightKind::kRandom, InputKind::kRandom);
    for (const NamedTernary& named : runnable_ternary_kernels()) {
      for (const uint32_t n : all_n(*named.kernels)) {
        const PackedMatrix matrix = sheet.packed(n, *named.kernels);
        for (const uint32_t m : all_m(*named.kernels)) {
          for (unsigned threads = 1; threads <= kMaxThreads; threads++) {
            check_case(named, sheet, matrix.view, m, threads);
          }
        }
      }
    }
  }
}

BITNET_TEST(kernels_ternary_extreme_values) {
  for (const WeightKind weights :
       {WeightKind::kMinus, WeightKind::kZero, WeightKind::kPlus, WeightKind::kRandom}) {
    for (const InputKind inputs : {InputKind::kMost, InputKind::kLeast, InputKind::kLowest,
                                   InputKind::kAlternating, InputKind::kRandom}) {
      for (const uint32_t k : {1u, 127u, 128u, 129u, 704u, 2560u}) {
        const Sheet sheet = sheet_for(few_m, few_n, k, weights, inputs);
        for (const NamedTernary& named : runnable_ternary_kernels()) {
          for (const uint32_t n : few_n(*named.kernels)) {
            const PackedMatrix matrix = sheet.packed(n, *named.kernels);
            for (const uint32_t m : few_m(*named.kernels)) {
              check_case(named, sheet, matrix.view, m, 1);
            }
          }
        }
      }
    }
  }
}

BITNET_TEST(kernels_ternary_long_rows) {
  // 6912 is the widest of the published models, 65536 the limit of the contract.
  struct Kinds {
    WeightKind weights;
    InputKind inputs;
  };
  for (const uint32_t k : {2560u, 6912u, 32768u, 65536u}) {
    for (const Kinds& kinds : {Kinds{WeightKind::kRandom, InputKind::kRandom},
                               Kinds{WeightKind::kPlus, InputKind::kMost},
                               Kinds{WeightKind::kPlus, InputKind::kLeast}}) {
      if (k == 2560 && kinds.weights != WeightKind::kRandom) continue;  // done above
      const Sheet sheet = sheet_for(few_m, few_n, k, kinds.weights, kinds.inputs);
      for (const NamedTernary& named : runnable_ternary_kernels()) {
        const uint32_t n = *few_n(*named.kernels).rbegin();
        const PackedMatrix matrix = sheet.packed(n, *named.kernels);
        for (const uint32_t m : few_m(*named.kernels)) check_case(named, sheet, matrix.view, m, 2);
      }
    }
  }
}

BITNET_TEST(kernels_ternary_many_tokens) {
  // More rows than a block of activations has, results that are written past the cache.
  struct Shape {
    uint32_t n, m, k;
  };
  for (const Shape& shape : {Shape{256, 530, 128}, Shape{64, 555, 384}, Shape{33, 210, 6912}}) {
    const Sheet sheet(shape.n, shape.m, shape.k, WeightKind::kRandom, InputKind::kRandom);
    for (const NamedTernary& named : runnable_ternary_kernels()) {
      const PackedMatrix matrix = sheet.packed(shape.n, *named.kernels);
      Inputs inputs(sheet, shape.m);
      inputs.pack(*named.kernels, 3);
      for (const size_t padding : {size_t{0}, size_t{3}}) {
        check_product(named, sheet, matrix.view, inputs.view, /*direct=*/false, 1, padding);
      }
    }
  }
}

BITNET_TEST(kernels_ternary_every_byte) {
  Bytes valid;
  for (int byte = 0; byte < 256; byte++) {
    if ((byte & byte >> 1 & 0x55) == 0) valid.push_back(static_cast<uint8_t>(byte));
  }
  CHECK_EQ(valid.size(), size_t{81});
  Sheet sheet(81, 9, 256, WeightKind::kRandom, InputKind::kRandom);
  const Bytes background = sheet.codes;
  for (uint32_t place = 0; place < 64; place++) {
    sheet.codes = background;
    for (uint32_t r = 0; r < 81; r++) {
      for (uint32_t field = 0; field < 4; field++) {
        const uint32_t j = place / 32 * 128 + place % 32 + 32 * field;
        sheet.codes[size_t{r} * 256 + j] = static_cast<uint8_t>(valid[r] >> (6 - 2 * field) & 3);
      }
    }
    sheet.multiply();
    for (const NamedTernary& named : runnable_ternary_kernels()) {
      const PackedMatrix matrix = sheet.packed(81, *named.kernels);
      for (const uint32_t m : {1u, 2u, 9u}) check_case(named, sheet, matrix.view, m, 1);
    }
  }
}

BITNET_TEST(kernels_ternary_unaligned_rows) {
  // Weights used in place in a mapped file lie wherever the file has them.
  const Sheet sheet(33, 17, 384, WeightKind::kRandom, InputKind::kRandom);
  for (const NamedTernary& named : runnable_ternary_kernels()) {
    if (named.kernels->layout != TernaryLayout::kRows) continue;
    const PackedMatrix matrix = sheet.packed(33, *named.kernels);
    const size_t bytes = size_t{33} * 384 / 4;
    for (const size_t shift : {size_t{1}, size_t{16}, size_t{31}}) {
      Exact<uint8_t> moved(bytes + shift);
      std::copy_n(matrix.view.data, bytes, moved.data() + shift);
      TernaryMatrix view = matrix.view;
      view.data = moved.data() + shift;
      for (const uint32_t m : {1u, 3u, 17u}) check_case(named, sheet, view, m, 2);
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest

// The compact layouts (TernaryLayout::kFives16, kFives16By85) beyond the sweep of all layouts:
// every code and every byte in every place, crooked shapes, and sums that go round.

#include <algorithm>
#include <string>
#include <vector>

#include "selftest/support.h"
#include "selftest/targets.h"
#include "selftest/ternary_matrix.h"

namespace bitnet::selftest {
namespace {

constexpr uint32_t kRowsPerBlock = 16;
constexpr uint32_t kNumbers = 243;  // of five digits of base 3

std::vector<NamedTernary> compact_kernels() {
  std::vector<NamedTernary> found;
  for (const NamedTernary& named : runnable_ternary_kernels()) {
    if (is_compact(named.kernels->layout)) found.push_back(named);
  }
  if (found.empty()) skip("compact weights", "no target that runs here has kernels for them");
  return found;
}

constexpr uint32_t kPowers[] = {81, 27, 9, 3, 1};

/// Digit i of a number below 243, the foremost first.
uint8_t digit(uint32_t number, uint32_t i) { return static_cast<uint8_t>(number / kPowers[i] % 3); }

/// The byte that holds a number.
uint8_t byte_of(TernaryLayout layout, uint32_t number) {
  const uint32_t byte = layout == TernaryLayout::kFives16By85
                            ? 85 * (number / 81) + number % 81
                            : (256 * number + kNumbers - 1) / kNumbers;
  return static_cast<uint8_t>(byte);
}

/// What kernels read at place i of a byte, which may be one that holds no number.
uint8_t read_digit(TernaryLayout layout, uint32_t byte, uint32_t i) {
  if (layout == TernaryLayout::kFives16) {
    for (; i > 0; i--) byte = 3 * byte % 256;
    return static_cast<uint8_t>(3 * byte / 256);
  }
  const uint32_t rest = byte % 85;
  return static_cast<uint8_t>(i == 0 ? byte / 85 : i == 1 ? rest / 27 : rest / kPowers[i] % 3);
}

/// Activations [m, k], and the dots [m, n] with codes [n, k] in plain integers.
struct Activations {
  Activations(uint32_t n_tokens, uint32_t n_columns, uint32_t seed)
      : m(n_tokens), k(n_columns), q(size_t{m} * k) {
    Random random(seed);
    for (int8_t& value : q) value = static_cast<int8_t>(random.byte() % 255 - 127);
  }

  Floats dots(const Bytes& codes) const {
    const size_t n = codes.size() / k;
    Floats result;
    for (uint32_t t = 0; t < m; t++) {
      for (size_t r = 0; r < n; r++) {
        int64_t dot = 0;
        for (uint32_t j = 0; j < k; j++) dot += (codes[r * k + j] - 1) * q[size_t{t} * k + j];
        result.push_back(static_cast<float>(dot));
      }
    }
    return result;
  }

  uint32_t m, k;
  std::vector<int8_t> q;
};

/// The product with all scales 1, by gemv where it takes m, or by gemm.
Floats multiply(const TernaryKernels& kernels, TernaryMatrix w, const Activations& x, bool direct) {
  const Exact<float> ones(round_up(std::max(w.n, x.m), kRowsPerBlock), 1.0f);
  w.row_scales = ones.data();
  Exact<int8_t> q(size_t{x.m} * w.k_padded);
  Exact<int32_t> sums(x.m);
  for (uint32_t t = 0; t < x.m; t++) {
    for (uint32_t j = 0; j < x.k; j++) {
      q[size_t{t} * w.k_padded + j] = x.q[size_t{t} * x.k + j];
      sums[t] += x.q[size_t{t} * x.k + j];
    }
  }
  TernaryInput input = {x.m,     q.data(), w.k_padded, ones.data(), sums.data(),
                        nullptr, nullptr,  nullptr,    nullptr,     0};
  Floats y(size_t{x.m} * w.n, kCanary);
  if (direct) {
    kernels.gemv(w, input, 0, w.n, y.data(), w.n);
    return y;
  }
  const uint32_t m_padded = round_up(x.m, kernels.m_tile);
  Exact<int8_t> packed(size_t{m_padded} * w.k_padded, 99);
  Exact<uint8_t> scratch(kernels.scratch_bytes(w.k_padded), 0xee);
  kernels.pack_x(input, w.k_padded, 0, m_padded, packed.data());
  input.packed = packed.data();
  kernels.gemm(w, input, 0, w.n, y.data(), w.n, scratch.data());
  return y;
}

void check_matrix(const NamedTernary& named, const TernaryMatrix& w, const Activations& x,
                  const Floats& expected, const std::string& what) {
  for (const bool direct : {true, false}) {
    if (direct && x.m > named.kernels->m_direct) continue;
    const Floats got = multiply(*named.kernels, w, x, direct);
    CHECK_BITS(got.data(), expected.data(), expected.size(),
               named.name + " " + what + (direct ? " gemv" : " gemm") + " m " +
                   std::to_string(x.m) + " n " + std::to_string(w.n) + " k " + std::to_string(w.k));
  }
}

void check_codes(const NamedTernary& named, const Bytes& codes, const Activations& x,
                 const std::string& what) {
  const auto n = static_cast<uint32_t>(codes.size() / x.k);
  const PackedMatrix matrix(codes, n, x.k, 1.0f, *named.kernels);
  check_matrix(named, matrix.view, x, x.dots(codes), what);
}

BITNET_TEST(kernels_compact_size) {
  for (const uint32_t k : {640u, 2048u, 2560u, 4096u, 6912u, 12288u, 23040u}) {
    const size_t bytes = ternary_bytes(TernaryLayout::kFives16, kRowsPerBlock, k);
    CHECK(static_cast<double>(8 * bytes) / (kRowsPerBlock * k) <= 1.65);
  }
}

BITNET_TEST(kernels_compact_packing) {
  constexpr uint32_t kColumns = 128;  // seven vectors, the last of them with 8 columns
  for (const NamedTernary& named : compact_kernels()) {
    Random random(1);
    Bytes codes(kRowsPerBlock * kColumns);
    for (uint8_t& code : codes) code = random.code();
    const PackedMatrix matrix(codes, kRowsPerBlock, kColumns, 1.0f, *named.kernels);
    CHECK_EQ(matrix.bytes(), size_t{7 * 64});
    Bytes expected;
    for (uint32_t at = 0; at < 7 * 64; at++) {
      uint32_t number = 0;
      for (uint32_t i = 0; i < 5; i++) {
        const uint32_t column = at / 64 * kFivesWeights + 4 * i + at % 4;
        number = 3 * number + (column < kColumns ? codes[at % 64 / 4 * kColumns + column] : 1u);
      }
      expected.push_back(byte_of(named.kernels->layout, number));
    }
    CHECK_BITS(matrix.view.data, expected.data(), expected.size(), named.name);
  }
}

BITNET_TEST(kernels_compact_every_number) {
  // Row r holds number r + shift in the byte of one place, so that every lane sees every number.
  constexpr uint32_t kColumns = 2 * kFivesWeights;
  for (const NamedTernary& named : compact_kernels()) {
    Random random(2);
    Bytes codes(kNumbers * kColumns);
    for (uint8_t& code : codes) code = random.code();
    for (uint32_t shift = 0; shift < kRowsPerBlock; shift++) {
      const uint32_t place = shift % 8;
      for (uint32_t r = 0; r < kNumbers; r++) {
        for (uint32_t i = 0; i < 5; i++) {
          const uint32_t column = place / 4 * kFivesWeights + 4 * i + place % 4;
          codes[r * kColumns + column] = digit((r + shift) % kNumbers, i);
        }
      }
      for (const uint32_t m : {1u, 2u, 9u}) {
        check_codes(named, codes, Activations(m, kColumns, shift), "every number");
      }
    }
  }
}

BITNET_TEST(kernels_compact_every_byte) {
  // No packer writes the other 13 bytes, but kernels read them alike.
  constexpr uint32_t kColumns = 1280;
  constexpr uint32_t kVectors = kColumns / kFivesWeights;
  for (const NamedTernary& named : compact_kernels()) {
    Exact<uint8_t> bytes(kVectors * 64);
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(i * 53 + i / 256);
    Bytes codes(kRowsPerBlock * kColumns);
    for (size_t at = 0; at < bytes.size(); at++) {
      for (uint32_t i = 0; i < 5; i++) {
        const size_t column = at / 64 * kFivesWeights + 4 * i + at % 4;
        codes[at % 64 / 4 * kColumns + column] = read_digit(named.kernels->layout, bytes[at], i);
      }
    }
    const TernaryMatrix w = {bytes.data(), nullptr, nullptr, kRowsPerBlock, kColumns, kColumns, 0};
    for (const uint32_t m : {1u, 2u, 9u}) {
      const Activations x(m, kColumns, m);
      check_matrix(named, w, x, x.dots(codes), "every byte");
    }
  }
}

BITNET_TEST(kernels_compact_crooked_shapes) {
  for (const NamedTernary& named : compact_kernels()) {
    for (const uint32_t k : {1u, 19u, 20u, 21u, 130u, 300u, 500u, 641u}) {
      for (const uint32_t n : {1u, 17u, 33u, 55u}) {
        Random random(k + n);
        Bytes codes(size_t{n} * k);
        for (uint8_t& code : codes) code = random.code();
        for (uint32_t m = 1; m <= 17; m++) check_codes(named, codes, Activations(m, k, m), "shape");
      }
    }
  }
}

BITNET_TEST(kernels_compact_sums_go_round) {
  // 3 * 255 * 127 * k passes 2^31 from k = 22,104 on.
  for (const NamedTernary& named : compact_kernels()) {
    for (const uint32_t k : {22528u, 32768u, 65536u}) {
      for (const int8_t value : {int8_t{127}, int8_t{-127}}) {
        for (const uint8_t code : {uint8_t{0}, uint8_t{2}}) {
          Activations x(9, k, 3);
          std::fill(x.q.begin(), x.q.end(), value);
          const Bytes codes(size_t{3} * k, code);
          for (x.m = 1; x.m <= 9; x.m += 4) check_codes(named, codes, x, "largest sums");
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitnet::selftest

// TQ1_0 and PTQ1_0: five trits a byte, and a few bytes of four. A byte is the fraction v / 243 in
// units of 1/256, rounded up, where v has the trits as its base-3 digits: three times the byte
// carries the first digit into the next byte.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/blocks.h"

namespace bitnet {
namespace {

constexpr size_t kTrits = 5;

/// Trit n of byte m -> codes[n * kCount + m].
template <size_t kCount>
void unpack_run(const uint8_t* bytes, size_t n_trits, uint8_t* codes) noexcept {
  uint8_t rest[kCount];
  std::memcpy(rest, bytes, kCount);
  for (size_t n = 0; n < n_trits; n++, codes += kCount) {
    for (size_t m = 0; m < kCount; m++) {
      const auto tripled = static_cast<uint16_t>(rest[m] * 3);
      codes[m] = static_cast<uint8_t>(tripled >> 8);
      rest[m] = static_cast<uint8_t>(tripled);
    }
  }
}

/// A fifth trit that is not there counts as 0.
template <size_t kCount>
void pack_run(const uint8_t* codes, size_t n_trits, uint8_t* bytes) noexcept {
  uint32_t v[kCount] = {};
  for (size_t n = 0; n < kTrits; n++) {
    for (size_t m = 0; m < kCount; m++) {
      v[m] = 3 * v[m] + (n < n_trits ? codes[n * kCount + m] : 0u);
    }
  }
  for (size_t m = 0; m < kCount; m++) bytes[m] = static_cast<uint8_t>((v[m] * 256 + 242) / 243);
}

/// Three runs of bytes, the last with four trits each, then the scale.
template <size_t kFirst, size_t kSecond, size_t kThird>
struct Base3Block {
  static constexpr size_t kElems = kTrits * (kFirst + kSecond) + 4 * kThird;
  static constexpr size_t kBytes = kFirst + kSecond + kThird + 2;
  static constexpr size_t kRowHeader = 0;

  static void unpack(const uint8_t* block, uint8_t* codes) noexcept {
    unpack_run<kFirst>(block, kTrits, codes);
    unpack_run<kSecond>(block + kFirst, kTrits, codes + kTrits * kFirst);
    unpack_run<kThird>(block + kFirst + kSecond, 4, codes + kTrits * (kFirst + kSecond));
  }

  static void pack(const uint8_t* codes, uint8_t* block) noexcept {
    pack_run<kFirst>(codes, kTrits, block);
    pack_run<kSecond>(codes + kTrits * kFirst, kTrits, block + kFirst);
    pack_run<kThird>(codes + kTrits * (kFirst + kSecond), 4, block + kFirst + kSecond);
  }
};

using Tq1 = Base3Block<32, 16, 4>;
using Ptq1 = Base3Block<16, 8, 2>;
static_assert(Tq1::kElems == 256 && Tq1::kBytes == 54);
static_assert(Ptq1::kElems == 128 && Ptq1::kBytes == 28);

}  // namespace

void unpack_tq1_0(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                  uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Tq1>(payload, shape, row_begin, n_rows, codes);
}

void pack_tq1_0(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows,
                uint8_t* payload) noexcept {
  pack_blocks<Tq1>(codes, shape, row_begin, n_rows, payload);
}

void unpack_ptq1_0(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                   uint64_t n_rows, uint8_t* codes) noexcept {
  unpack_blocks<Ptq1>(payload, shape, row_begin, n_rows, codes);
}

void pack_ptq1_0(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                 uint64_t n_rows, uint8_t* payload) noexcept {
  pack_blocks<Ptq1>(codes, shape, row_begin, n_rows, payload);
}

}  // namespace bitnet

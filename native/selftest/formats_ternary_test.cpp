// Ternary formats with scales in their payload, against the formulas of the specification
// (formats.md 1.8 and 1.9, formats-2.md 1.2), written out slowly, and against hashes of files.

#include <algorithm>
#include <cmath>
#include <string>

#include "base/half.h"
#include "formats/scales.h"
#include "selftest/formats_support.h"
#include "selftest/sha256.h"

namespace bitnet::selftest {
namespace {

const char* const kNames[] = {"tq1_0",  "tq2_0",  "q2_0",  "q2_0_g128", "q2_0_g128_d_last",
                              "ptq1_0", "iq2_bn", "iq1_bn"};

bool has_row_scales(const Format& f) { return row_header_bytes(f) != 0; }

// ---- slow references -------------------------------------------------------------------------

/// Trit n of a base-3 byte of TQ1_0 and PTQ1_0.
unsigned digit(unsigned byte, unsigned n) {
  unsigned power = 1;
  for (unsigned i = 0; i < n; i++) power *= 3;
  return (byte * power % 256 * 3) >> 8;
}

/// Trit j of a byte of IQ1_BN.
unsigned iq1_digit(unsigned byte, unsigned j) {
  const unsigned factors[] = {81, 27, 9, 3, 1};
  const unsigned v = byte * factors[j] % 256;
  return (v + (v >> 1)) >> 7;
}

/// Code of element i of a block (formats whose rows have a scale: of the row's blocks).
unsigned code_at(const std::string& name, const uint8_t* block, size_t i) {
  if (name == "tq1_0") {
    if (i < 160) return digit(block[i % 32], static_cast<unsigned>(i / 32));
    if (i < 240) return digit(block[32 + i % 16], static_cast<unsigned>((i - 160) / 16));
    return digit(block[48 + i % 4], static_cast<unsigned>((i - 240) / 4));
  }
  if (name == "ptq1_0") {
    if (i < 80) return digit(block[i % 16], static_cast<unsigned>(i / 16));
    if (i < 120) return digit(block[16 + i % 8], static_cast<unsigned>((i - 80) / 8));
    return digit(block[24 + i % 2], static_cast<unsigned>((i - 120) / 2));
  }
  if (name == "tq2_0") return block[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3u;
  if (name == "q2_0" || name == "q2_0_g128") return block[2 + i / 4] >> (i % 4 * 2) & 3u;
  if (name == "q2_0_g128_d_last") return block[i / 4] >> (i % 4 * 2) & 3u;
  if (name == "iq2_bn") return block[i / 64 * 16 + i % 16] >> (i % 64 / 16 * 2) & 3u;
  const uint8_t* part = block + i / 64 * 13;  // iq1_bn
  const auto group = static_cast<unsigned>(i % 64 / 16);
  const auto j = static_cast<unsigned>(i % 16);
  return j == 15 ? iq1_digit(part[12], group) : iq1_digit(part[3 * group + j / 5], j % 5);
}

Bytes unpack_slowly(const Format& f, const Bytes& payload, const MatrixShape& shape) {
  Bytes codes;
  const size_t row_bytes = payload.size() / shape.rows;
  for (uint64_t row = 0; row < shape.rows; row++) {
    for (uint64_t col = 0; col < shape.cols; col++) {
      const uint8_t* block = payload.data() + row * row_bytes + row_header_bytes(f);
      uint64_t i = col;
      if (!has_row_scales(f)) {
        block += col / f.block_elems * f.block_bytes;
        i %= f.block_elems;
      }
      codes.push_back(static_cast<uint8_t>(code_at(f.name, block, i)));
    }
  }
  return codes;
}

/// Byte of up to five trits, the first the most significant.
uint8_t base3_byte(const uint8_t* codes, size_t step, size_t n) {
  unsigned v = 0;
  for (size_t i = 0; i < 5; i++) v = 3 * v + (i < n ? codes[i * step] : 0u);
  return static_cast<uint8_t>((v * 256 + 242) / 243);
}

/// One row of IQ1_BN or IQ2_BN, which this project does not write.
Bytes iq_row(const std::string& name, const Bytes& codes, float scale) {
  Bytes row = as_bytes({scale});
  if (name == "iq2_bn") {
    for (size_t i = 0; i < codes.size(); i += 64) {
      for (size_t j = 0; j < 16; j++) {
        row.push_back(static_cast<uint8_t>(codes[i + j] | codes[i + j + 16] << 2 |
                                           codes[i + j + 32] << 4 | codes[i + j + 48] << 6));
      }
    }
    return row;
  }
  const uint16_t half = f32_to_f16(scale);
  row = {static_cast<uint8_t>(half), static_cast<uint8_t>(half >> 8)};
  const auto reversed = [](Bytes digits) {  // the first trit is the least significant here
    digits.resize(5);
    std::reverse(digits.begin(), digits.end());
    return base3_byte(digits.data(), 1, 5);
  };
  for (size_t i = 0; i < codes.size(); i += 64) {
    const auto at = codes.begin() + static_cast<ptrdiff_t>(i);
    for (ptrdiff_t g = 0; g < 64; g += 16) {
      for (ptrdiff_t j = 0; j < 15; j += 5) row.push_back(reversed({at + g + j, at + g + j + 5}));
    }
    row.push_back(reversed({at[15], at[31], at[47], at[63]}));
  }
  return row;
}

/// Payload with one scale everywhere.
Bytes payload_of(const Format& f, const Bytes& codes, const MatrixShape& shape, float scale) {
  Bytes payload;
  if (f.pack != nullptr) {
    payload = pack(f, codes, shape);
    const Floats scales(shape.rows * (shape.cols / weights_per_scale(f, shape.cols)), scale);
    write_scales(f, shape, scales.data(), 0, shape.rows, payload.data());
    return payload;
  }
  for (uint64_t row = 0; row < shape.rows; row++) {
    const auto at = codes.begin() + static_cast<ptrdiff_t>(row * shape.cols);
    const Bytes bytes = iq_row(f.name, {at, at + static_cast<ptrdiff_t>(shape.cols)}, scale);
    payload.insert(payload.end(), bytes.begin(), bytes.end());
  }
  return payload;
}

// ---- goldens ---------------------------------------------------------------------------------

BITNET_TEST(formats_ternary_golden_hashes) {
  struct Golden {
    const char* name;
    const char* hash_prefix;
    const char* first_bytes;
  };
  // Matrix 64 x 256 of the generator with seed 1, times 0.5 (formats.md appendix B; formats-2.md
  // 10).
  const Golden cases[] = {
      {"tq2_0", "2dea95453670e27a3de156f2de14c874", "8562a9a164588a48"},
      {"tq1_0", "759dbee5a6f370285e5b1a24f93ebebf", "7bc2a86f3547ec3f"},
      {"iq2_bn", "fe1fa08793e98e1ed66e17d261bcbce9", "0000003f954aa909"},
      {"q2_0", "11c465f73cf40ba235bcc619c0bf6a30", "003859208482a904"},
      {"q2_0_g128", "3422a37d04b840f1d662d314f886f837", "003859208482a904"},
      {"q2_0_g128_d_last", "aae3c8ef91f7186d1bca0a9321690f7d", "59208482a9041258"},
      {"ptq1_0", "5d9cb7930cb3296d526065bee3438ac4", "82e9aa910f37be1a"},
  };
  const MatrixShape shape{64, 256};
  const Bytes codes = random_codes(shape.rows * shape.cols, 1);
  for (const Golden& golden : cases) {
    const Bytes payload = payload_of(format(golden.name), codes, shape, 0.5f);
    CHECK_EQ(hex_text(payload.data(), 8), golden.first_bytes);
    CHECK_EQ(sha256(payload).substr(0, 32), golden.hash_prefix);
    CHECK(unpack(format(golden.name), payload, shape) == codes);
  }
  // The 2-bit weights of MLX checkpoints lie like those of Q2_0, without scales.
  CHECK_EQ(sha256(pack(format("i2_s_seq_lo"), codes, shape)).substr(0, 32),
           "eb8cea954df6b853effcbd45e7b4f721");
}

BITNET_TEST(formats_ternary_golden_rows) {
  // Rows 3 to 5 of blk.0.attn_k of golden model d, from its three files: a group of zeros, one like
  // any other, one with a subnormal scale.
  const MatrixShape shape{3, 128};
  const auto check = [&](const char* name, const char* hex, size_t scales_per_row) {
    const Format& f = format(name);
    const Bytes payload = hex_bytes(hex);
    CHECK_EQ(payload.size(), payload_bytes(f, shape));
    Floats scales(3 * scales_per_row);
    CHECK(read_scales(f, shape, payload.data(), 0, 3, scales.data()));
    for (size_t i = 0; i < scales.size(); i++) {
      const float expected[] = {0.0f, 0x1.03cp-3f, 101 * 0x1p-24f};
      CHECK_EQ(scales[i], expected[i / scales_per_row]);
    }
    return unpack(f, payload, shape);
  };
  const Bytes g128 =
      check("q2_0_g128",
            "000055555555555555555555555555555555555555555555555555555555555555550f3028491604"
            "5a5412541890902aa496648016a1045a55992a591a5858a66949a10865004045612624a9045966a0"
            "260029105a16895284666666805961001a100a0645a9",
            1);
  CHECK(g128 ==
        check("q2_0",
              "0000555555555555555555555555555555550000555555555555555555555555555555550f302849"
              "16045a5412541890902aa49664800f3016a1045a55992a591a5858a66949a10865004045612624a9"
              "045966a0260029105a166500895284666666805961001a100a0645a9",
              2));
  CHECK(g128 ==
        check("ptq1_0",
              "8080808080808080808080808080808080808080808080807f7f00003bfbd8235dcb2c8ee45a8217"
              "16873124a3aa9d5a7afc82d88f4c0f30182f5361748f51a36f2ec15bd093cd1ebd5ec198ca90cb72"
              "668c6500",
              1));
  CHECK(std::all_of(g128.begin(), g128.begin() + 128, [](uint8_t code) { return code == 1; }));
  CHECK(codes_valid(g128.data(), g128.size()));
}

// ---- layouts ---------------------------------------------------------------------------------

const MatrixShape kShapes[] = {{1, 64},  {1, 128}, {1, 256}, {3, 64},  {5, 128}, {2, 192},
                               {7, 320}, {4, 256}, {9, 512}, {2, 768}, {3, 896}};

BITNET_TEST(formats_ternary_formula) {
  size_t n_cases = 0;
  for (const char* name : kNames) {
    const Format& f = format(name);
    for (const MatrixShape& shape : kShapes) {
      if (payload_bytes(f, shape) == 0) continue;
      n_cases++;
      const Bytes codes = random_codes(shape.rows * shape.cols, 3);
      const Bytes payload = payload_of(f, codes, shape, 0.5f);
      CHECK_EQ(payload.size(), payload_bytes(f, shape));
      CHECK(unpack_slowly(f, payload, shape) == codes);
      for (uint64_t begin = 0; begin < shape.rows; begin++) {
        for (const uint64_t n : {uint64_t{1}, uint64_t{3}, shape.rows - begin}) {
          if (begin + n > shape.rows) continue;
          const Bytes got = unpack(f, payload, shape, begin, n);
          const auto first = codes.begin() + static_cast<ptrdiff_t>(begin * shape.cols);
          CHECK(std::equal(got.begin(), got.end(), first));
        }
      }
    }
  }
  CHECK(n_cases > 50);
}

BITNET_TEST(formats_ternary_any_bytes) {
  // Every byte value at every place: bytes that no writer makes, and code 3, have a meaning too.
  for (const char* name : kNames) {
    const Format& f = format(name);
    const MatrixShape shape{2, 512};
    Bytes payload(payload_bytes(f, shape));
    for (unsigned first = 0; first < 256; first++) {
      for (size_t i = 0; i < payload.size(); i++) {
        payload[i] = static_cast<uint8_t>(first + 37 * i);
      }
      CHECK(unpack(f, payload, shape) == unpack_slowly(f, payload, shape));
    }
  }
}

BITNET_TEST(formats_ternary_code_3) {
  for (const char* name : {"tq2_0", "q2_0", "q2_0_g128", "q2_0_g128_d_last"}) {
    const MatrixShape shape{2, 256};
    Bytes codes = random_codes(shape.rows * shape.cols, 5);
    codes[321] = 3;
    CHECK(unpack(format(name), pack(format(name), codes, shape), shape) == codes);
  }
}

BITNET_TEST(formats_ternary_packed_by_rows) {
  for (const char* name : kNames) {
    const Format& f = format(name);
    if (f.pack == nullptr) continue;
    const MatrixShape shape{5, 512};
    const Bytes codes = random_codes(shape.rows * shape.cols, 6);
    Bytes payload(payload_bytes(f, shape));
    for (uint64_t row = 0; row < shape.rows; row++) {
      f.pack(codes.data() + row * shape.cols, shape, row, 1, payload.data());
    }
    CHECK(payload == pack(f, codes, shape));
  }
}

// ---- scales ----------------------------------------------------------------------------------

BITNET_TEST(formats_scales_places) {
  const float values[] = {0.5f, 0.0f, 0x1p-24f, 65504.0f, -0.25f, 0x1.ff8p-15f};
  for (const char* name : kNames) {
    const Format& f = format(name);
    const MatrixShape shape{4, 512};
    const uint64_t per_row = shape.cols / weights_per_scale(f, shape.cols);
    Floats scales;
    for (uint64_t i = 0; i < shape.rows * per_row; i++) scales.push_back(values[i % 6]);
    Bytes payload = payload_of(f, random_codes(shape.rows * shape.cols, 7), shape, 1.0f);
    const Bytes codes = unpack(f, payload, shape);
    write_scales(f, shape, scales.data(), 0, shape.rows, payload.data());
    CHECK(unpack(f, payload, shape) == codes);  // codes and scales do not touch
    for (uint64_t begin = 0; begin < shape.rows; begin++) {
      const uint64_t n_rows = shape.rows - begin;
      Floats got(n_rows * per_row + 1, kCanary);
      CHECK(read_scales(f, shape, payload.data(), begin, n_rows, got.data()));
      CHECK_BITS(got.data(), scales.data() + begin * per_row, n_rows * per_row, f.name);
      CHECK_EQ(got.back(), kCanary);
    }
  }
}

BITNET_TEST(formats_scales_not_finite) {
  for (const char* name : kNames) {
    const Format& f = format(name);
    const MatrixShape shape{2, 512};
    const uint64_t per_row = shape.cols / weights_per_scale(f, shape.cols);
    Bytes payload = payload_of(f, random_codes(shape.rows * shape.cols, 8), shape, 1.0f);
    Floats scales(2 * per_row, 0.5f);
    for (const float bad : {kNan, kInfinity, -kInfinity}) {
      scales.back() = bad;
      write_scales(f, shape, scales.data(), 0, 2, payload.data());
      Floats got(2 * per_row);
      CHECK(!read_scales(f, shape, payload.data(), 0, 2, got.data()));
      CHECK(read_scales(f, shape, payload.data(), 0, 1, got.data()));
    }
  }
}

BITNET_TEST(formats_scales_every_f16) {
  const Format& f = format("q2_0");
  const MatrixShape shape{1, 64};
  for (unsigned bits = 0; bits < 0x10000; bits++) {
    Bytes payload(18);
    payload[0] = static_cast<uint8_t>(bits);
    payload[1] = static_cast<uint8_t>(bits >> 8);
    float scale = 0.0f;
    const bool finite = read_scales(f, shape, payload.data(), 0, 1, &scale);
    CHECK_EQ(finite, (bits & 0x7c00) != 0x7c00);
    if (!finite) continue;
    Bytes back(18);
    write_scales(f, shape, &scale, 0, 1, back.data());
    CHECK(back == payload);
  }
}

}  // namespace
}  // namespace bitnet::selftest

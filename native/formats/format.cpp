#include "formats/format.h"

#include <bit>
#include <cstring>
#include <iterator>

#include "base/checked_math.h"

namespace bitnet {

static_assert(std::endian::native == std::endian::little,
              "weight files are little endian and are read without byte swapping");

// Each format's own file defines its functions; see Format for what they promise.
using Decode = void(const uint8_t* blocks, float* x, size_t n) noexcept;
using Encode = void(const float* x, uint8_t* blocks, size_t n) noexcept;
using Unpack = void(const uint8_t* payload, uint64_t rows, uint64_t cols, uint64_t row_begin,
                    uint64_t n_rows, uint8_t* codes) noexcept;
using Pack = void(const uint8_t* codes, uint64_t rows, uint64_t cols, uint8_t* payload) noexcept;

Decode decode_f32, decode_f16, decode_bf16, decode_q8_0, decode_q6_k;
Encode encode_f32, encode_f16, encode_bf16, encode_q8_0, encode_q6_k;
Unpack unpack_i2_s, unpack_i2_s_group64, unpack_i2_s_row4, unpack_i2_s_seq_hi, unpack_i2_s_seq_lo,
    unpack_hf_packed;
Pack pack_i2_s, pack_i2_s_group64, pack_i2_s_row4, pack_i2_s_seq_hi, pack_i2_s_seq_lo,
    pack_hf_packed;

namespace {

constexpr uint32_t kI2sTail = 32;

constexpr Format float_format(const char* name, uint32_t block_elems, uint32_t block_bytes,
                              Decode* decode, Encode* encode) {
  return {name,    false,  ElementOrder::kFlat, block_elems, block_bytes, 0, decode, encode,
          nullptr, nullptr};
}

/// Two bits per weight; `group` weights fill group/4 bytes.
constexpr Format two_bit_format(const char* name, ElementOrder order, uint32_t group, uint32_t tail,
                                Unpack* unpack, Pack* pack) {
  return {name, true, order, group, group / 4, tail, nullptr, nullptr, unpack, pack};
}

constexpr ElementOrder kFlat = ElementOrder::kFlat;

// clang-format off
constexpr Format kFormats[] = {
    float_format("f32",    1,   4, decode_f32,  encode_f32),
    float_format("f16",    1,   2, decode_f16,  encode_f16),
    float_format("bf16",   1,   2, decode_bf16, encode_bf16),
    float_format("q8_0",  32,  34, decode_q8_0, encode_q8_0),
    float_format("q6_k", 256, 210, decode_q6_k, encode_q6_k),
    two_bit_format("i2_s",         kFlat, 128, kI2sTail, unpack_i2_s,         pack_i2_s),
    two_bit_format("i2_s_group64", kFlat,  64, kI2sTail, unpack_i2_s_group64, pack_i2_s_group64),
    two_bit_format("i2_s_row4", ElementOrder::kRowQuads, 4, kI2sTail, unpack_i2_s_row4,
                   pack_i2_s_row4),
    two_bit_format("i2_s_seq_hi",  kFlat,   4, kI2sTail, unpack_i2_s_seq_hi,  pack_i2_s_seq_hi),
    two_bit_format("i2_s_seq_lo",  kFlat,   4, kI2sTail, unpack_i2_s_seq_lo,  pack_i2_s_seq_lo),
    two_bit_format("hf_packed", ElementOrder::kRowQuarters, 4, 0, unpack_hf_packed, pack_hf_packed),
};
// clang-format on

}  // namespace

const Format* find_format(const char* name) noexcept {
  for (const Format& format : kFormats) {
    if (std::strcmp(format.name, name) == 0) return &format;
  }
  return nullptr;
}

const Format* format_table(size_t* count) noexcept {
  *count = std::size(kFormats);
  return kFormats;
}

uint64_t payload_bytes(const Format& format, uint64_t rows, uint64_t cols) noexcept {
  const auto elems = checked_mul(rows, cols);
  if (!elems) return 0;
  const uint64_t must_fill = !format.ternary                       ? cols
                             : format.order == ElementOrder::kFlat ? *elems
                                                                   : rows;
  if (must_fill % format.block_elems != 0) return 0;
  const auto bytes = checked_mul(*elems / format.block_elems, format.block_bytes);
  constexpr uint64_t kLimit = uint64_t{1} << 63;
  if (!bytes || *elems >= kLimit || *bytes >= kLimit - format.tail_bytes) return 0;
  return *bytes;
}

}  // namespace bitnet

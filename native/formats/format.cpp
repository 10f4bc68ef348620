#include "formats/format.h"

#include <bit>
#include <cstring>
#include <iterator>
#include <numeric>

#include "base/checked_math.h"
#include "formats/tl.h"

namespace bitnet {

static_assert(std::endian::native == std::endian::little,
              "weight files are little endian and are read without byte swapping");

// Each format's own file defines its functions; see Format for what they promise.
using Decode = void(const uint8_t* blocks, float* x, size_t n) noexcept;
using Encode = void(const float* x, uint8_t* blocks, size_t n) noexcept;
using Unpack = void(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                    uint64_t n_rows, uint8_t* codes) noexcept;
using Pack = void(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                  uint64_t n_rows, uint8_t* payload) noexcept;

Decode decode_f32, decode_f16, decode_bf16, decode_q8_0, decode_q6_k, decode_q4_0, decode_q4_k,
    decode_q5_0;
Encode encode_f32, encode_f16, encode_bf16, encode_q8_0, encode_q6_k, encode_q4_0;
Unpack unpack_i2_s, unpack_i2_s_group64, unpack_i2_s_row4, unpack_i2_s_seq_hi, unpack_i2_s_seq_lo,
    unpack_hf_packed, unpack_tq1_0, unpack_tq2_0, unpack_q2_0, unpack_q2_0_g128,
    unpack_q2_0_g128_d_last, unpack_ptq1_0, unpack_iq2_bn, unpack_iq1_bn, unpack_tl1, unpack_tl2;
Pack pack_i2_s, pack_i2_s_group64, pack_i2_s_row4, pack_i2_s_seq_hi, pack_i2_s_seq_lo,
    pack_hf_packed, pack_tq1_0, pack_tq2_0, pack_q2_0, pack_q2_0_g128, pack_q2_0_g128_d_last,
    pack_ptq1_0, pack_tl1, pack_tl2;

namespace {

/// f32 scale and 28 bytes that nobody reads.
constexpr uint32_t kScaleTail = 32;

constexpr Format float_format(const char* name, uint32_t block_elems, uint32_t block_bytes,
                              Decode* decode, Encode* encode) {
  return {name,
          false,
          ElementOrder::kRows,
          block_elems,
          block_bytes,
          0,
          ScalePlace::kApart,
          0,
          decode,
          encode,
          nullptr,
          nullptr};
}

/// The scale is kept apart.
constexpr Format plain_format(const char* name, ElementOrder order, uint32_t block_elems,
                              uint32_t block_bytes, uint32_t tail, Unpack* unpack, Pack* pack) {
  return {name, true,    order,   block_elems, block_bytes, tail, ScalePlace::kApart,
          0,    nullptr, nullptr, unpack,      pack};
}

constexpr Format block_format(const char* name, uint32_t block_elems, uint32_t block_bytes,
                              uint32_t scale_offset, Unpack* unpack, Pack* pack) {
  return {name,
          true,
          ElementOrder::kRows,
          block_elems,
          block_bytes,
          0,
          ScalePlace::kBlock,
          scale_offset,
          nullptr,
          nullptr,
          unpack,
          pack};
}

constexpr Format row_scale_format(const char* name, uint32_t block_elems, uint32_t block_bytes,
                                  ScalePlace place, Unpack* unpack) {
  return {
      name,   true,   ElementOrder::kRows, block_elems, block_bytes, 0, place, 0, nullptr, nullptr,
      unpack, nullptr};
}

constexpr ElementOrder kFlat = ElementOrder::kFlat;

// clang-format off
constexpr Format kFormats[] = {
    float_format("f32",    1,   4, decode_f32,  encode_f32),
    float_format("f16",    1,   2, decode_f16,  encode_f16),
    float_format("bf16",   1,   2, decode_bf16, encode_bf16),
    float_format("q8_0",  32,  34, decode_q8_0, encode_q8_0),
    float_format("q6_k", 256, 210, decode_q6_k, encode_q6_k),
    float_format("q4_0",  32,  18, decode_q4_0, encode_q4_0),
    float_format("q4_k", 256, 144, decode_q4_k, nullptr),
    float_format("q5_0",  32,  22, decode_q5_0, nullptr),
    plain_format("i2_s",         kFlat, 128, 32, kScaleTail, unpack_i2_s,         pack_i2_s),
    plain_format("i2_s_group64", kFlat,  64, 16, kScaleTail, unpack_i2_s_group64, pack_i2_s_group64),
    plain_format("i2_s_row4", ElementOrder::kRowQuads, 4, 1, kScaleTail, unpack_i2_s_row4,
                 pack_i2_s_row4),
    plain_format("i2_s_seq_hi",  kFlat,   4,  1, kScaleTail, unpack_i2_s_seq_hi,  pack_i2_s_seq_hi),
    plain_format("i2_s_seq_lo",  kFlat,   4,  1, kScaleTail, unpack_i2_s_seq_lo,  pack_i2_s_seq_lo),
    plain_format("hf_packed", ElementOrder::kRowQuarters, 4, 1, 0, unpack_hf_packed,
                 pack_hf_packed),
    plain_format("tl1", ElementOrder::kTl1, 4, 1, kScaleTail, unpack_tl1, pack_tl1),
    plain_format("tl2", ElementOrder::kTl2, 0, 0, kScaleTail, unpack_tl2, pack_tl2),
    block_format("tq1_0",     256, 54, 52, unpack_tq1_0,     pack_tq1_0),
    block_format("tq2_0",     256, 66, 64, unpack_tq2_0,     pack_tq2_0),
    block_format("q2_0",       64, 18,  0, unpack_q2_0,      pack_q2_0),
    // PQ2_0 (type 142) and the older files of type 42.
    block_format("q2_0_g128", 128, 34,  0, unpack_q2_0_g128, pack_q2_0_g128),
    // As one other program writes it under the same type, the scale last.
    block_format("q2_0_g128_d_last", 128, 34, 32, unpack_q2_0_g128_d_last, pack_q2_0_g128_d_last),
    block_format("ptq1_0",    128, 28, 26, unpack_ptq1_0,    pack_ptq1_0),
    row_scale_format("iq2_bn", 64, 16, ScalePlace::kRowF32, unpack_iq2_bn),
    row_scale_format("iq1_bn", 64, 13, ScalePlace::kRowF16, unpack_iq1_bn),
};
// clang-format on

/// What the order asks of the shape, sizes aside.
const char* order_misfit(const Format& format, const MatrixShape& shape, uint64_t elems) noexcept {
  switch (format.order) {
    case ElementOrder::kRows:
      return shape.cols % format.block_elems == 0 ? nullptr : "columns must fill whole blocks";
    case ElementOrder::kFlat:
      return elems % format.block_elems == 0 ? nullptr : "rows x columns must fill whole blocks";
    case ElementOrder::kRowQuads:
    case ElementOrder::kRowQuarters:
      return shape.rows % 4 == 0 ? nullptr : "rows must be a multiple of 4";
    case ElementOrder::kTl1:
      return tl1_misfit(shape);
    case ElementOrder::kTl2:
      return tl2_misfit(shape);
  }
  return "unknown order";
}

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

const char* misfit(const Format& format, const MatrixShape& shape) noexcept {
  // Keeps every size below 2^63: no format takes more than 4 bytes a weight and 32 besides.
  constexpr uint64_t kMaxElems = uint64_t{1} << 60;
  const auto elems = checked_mul(shape.rows, shape.cols);
  if (!elems || *elems > kMaxElems) return "it is too large";
  if (*elems == 0) return "it is empty";
  return order_misfit(format, shape, *elems);
}

uint64_t payload_bytes(const Format& format, const MatrixShape& shape) noexcept {
  if (misfit(format, shape) != nullptr) return 0;
  if (format.order == ElementOrder::kTl2) return tl2_payload_bytes(shape);
  const uint64_t blocks = shape.rows * shape.cols / format.block_elems;
  return blocks * format.block_bytes + shape.rows * row_header_bytes(format);
}

uint32_t row_header_bytes(const Format& format) noexcept {
  switch (format.scale_place) {
    case ScalePlace::kRowF16:
      return 2;
    case ScalePlace::kRowF32:
      return 4;
    default:
      return 0;
  }
}

uint64_t weights_per_scale(const Format& format, uint64_t cols) noexcept {
  switch (format.scale_place) {
    case ScalePlace::kBlock:
      return format.block_elems;
    case ScalePlace::kRowF16:
    case ScalePlace::kRowF32:
      return cols;
    default:
      return 0;
  }
}

uint64_t row_multiple(const Format& format, const MatrixShape& shape) noexcept {
  switch (format.order) {
    case ElementOrder::kTl1:
      return shape.tile.rows;
    case ElementOrder::kTl2:
    case ElementOrder::kRowQuarters:
      return shape.rows;
    default:
      return pack_multiple(format, shape.cols);
  }
}

uint64_t unpack_multiple(const Format& format) noexcept {
  switch (format.order) {
    case ElementOrder::kTl1:
      return kTl1Strip;
    case ElementOrder::kTl2:
      return kTl2Strip;
    default:
      return 1;
  }
}

uint64_t pack_multiple(const Format& format, uint64_t cols) noexcept {
  switch (format.order) {
    case ElementOrder::kFlat:
      return format.block_elems / std::gcd(uint64_t{format.block_elems}, cols);
    case ElementOrder::kRowQuads:
      return 4;
    default:
      return unpack_multiple(format);
  }
}

}  // namespace bitnet

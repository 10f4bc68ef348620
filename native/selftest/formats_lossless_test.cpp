// convert: trits and scales between all formats that can hold them, and what is refused.

#include <algorithm>
#include <cmath>
#include <string>

#include "base/half.h"
#include "formats/convert.h"
#include "selftest/formats_support.h"

namespace bitnet::selftest {
namespace {

constexpr MatrixShape kShape{64, 768};
constexpr TileParams kTl1Tile{32, 96, 32};
constexpr TileParams kTl2Tile{32, 96, 32};

TileParams tile_of(const Format& f) {
  if (f.order == ElementOrder::kTl1) return kTl1Tile;
  if (f.order == ElementOrder::kTl2) return kTl2Tile;
  return {};
}

std::vector<const Format*> ternary_formats() {
  std::vector<const Format*> formats = all_formats();
  std::erase_if(formats, [](const Format* f) { return !f->ternary || f->pack == nullptr; });
  return formats;
}

/// Rows of any ternary format: codes with one scale for every `group` neighbours.
struct Source {
  Bytes bytes;
  Rows rows = {};

  Source(const Format& f, const Bytes& codes, const Floats& scales,
         const MatrixShape& shape = kShape)
      : bytes(pack(f, codes, {shape.rows, shape.cols, tile_of(f)})) {
    const MatrixShape tiled{shape.rows, shape.cols, tile_of(f)};
    rows = {&f, tiled, nullptr, bytes.size()};
    if (weights_per_scale(f, shape.cols) == 0) {
      rows.scale = scales.front();
    } else {
      write_scales(f, tiled, scales.data(), 0, shape.rows, bytes.data());
    }
    rows.data = bytes.data();
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
};

/// Float rows, -s, 0 or s.
struct FloatSource {
  Bytes bytes;
  Rows rows;

  FloatSource(const Floats& x, const MatrixShape& shape, FloatMeaning meaning, float scale,
              uint64_t group)
      : bytes(as_bytes(x)),
        rows{&format("f32"), shape, bytes.data(), bytes.size(), scale, kNoQuarter, meaning, group} {
  }
  FloatSource(const FloatSource&) = delete;
  FloatSource& operator=(const FloatSource&) = delete;
};

Floats uniform_scales(const Format& f, float scale, const MatrixShape& shape = kShape) {
  const uint64_t group = weights_per_scale(f, shape.cols);
  return Floats(group == 0 ? 1 : shape.rows * (shape.cols / group), scale);
}

Target target_of(const Format& f, float scale, bool allow_lossy = false) {
  return {&f, tile_of(f), scale, allow_lossy};
}

// ---- lossless --------------------------------------------------------------------------------

BITNET_TEST(formats_lossless_every_pair) {
  const Bytes codes = random_codes(kShape.rows * kShape.cols, 61);
  const float scale = 0.375f;
  for (const Format* from : ternary_formats()) {
    const Source source(*from, codes, uniform_scales(*from, scale));
    for (const Format* to : ternary_formats()) {
      const ConvertedRows got = convert(source.rows, target_of(*to, scale));
      CHECK(!got.loss.any());
      CHECK_EQ(got.loss.max_relative, 0.0);
      const Source expected(*to, codes, uniform_scales(*to, scale));
      if (got.bytes != expected.bytes) {
        record_failure(__FILE__, __LINE__, std::string(from->name) + " to " + to->name);
      }
    }
  }
}

BITNET_TEST(formats_lossless_to_floats_and_back) {
  const Bytes codes = random_codes(kShape.rows * kShape.cols, 62);
  for (const Format* from : ternary_formats()) {
    const Source source(*from, codes, uniform_scales(*from, 0.375f));
    for (const char* name : {"f32", "f16", "bf16"}) {
      const ConvertedRows there = convert(source.rows, target_of(format(name), 1.0f));
      CHECK(!there.loss.any());
      Rows back{&format(name), kShape, there.bytes.data(), there.bytes.size()};
      back.floats = FloatMeaning::kUnpacked;
      back.group = 64;
      const Bytes again = convert(back, target_of(*from, 0.375f)).bytes;
      CHECK(unpack(*from, again, {kShape.rows, kShape.cols, tile_of(*from)}) == codes);
      CHECK(again == source.bytes);
    }
  }
}

/// Scales of groups of 128, all different, as in the files of group-scaled models.
Floats group_scales(uint64_t n) {
  Random random(63);
  Floats scales(n);
  for (float& s : scales) s = f16_to_f32(static_cast<uint16_t>(0x2000 + random.below(0x1000)));
  scales[3] = 101 * 0x1p-24f;  // subnormal
  return scales;
}

BITNET_TEST(formats_lossless_groups) {
  Bytes codes = random_codes(kShape.rows * kShape.cols, 64);
  Floats scales = group_scales(kShape.rows * kShape.cols / 128);
  std::fill_n(codes.begin() + 7 * 128, 128, uint8_t{1});  // a group of zeros, its scale is 0
  scales[7] = 0.0f;
  const Source pq2(format("q2_0_g128"), codes, scales);
  for (const char* name : {"ptq1_0", "q2_0_g128_d_last", "q2_0"}) {
    const ConvertedRows there = convert(pq2.rows, target_of(format(name), 1.0f));
    CHECK(!there.loss.any());
    const Rows rows{&format(name), kShape, there.bytes.data(), there.bytes.size()};
    CHECK(convert(rows, target_of(format("q2_0_g128"), 1.0f)).bytes == pq2.bytes);
    const RowsDifference difference = compare_rows(pq2.rows, rows);
    CHECK_EQ(difference.n_weights, 0u);
  }
  // Groups of 64 are groups of 128 with every scale twice.
  const Bytes g64 = convert(pq2.rows, target_of(format("q2_0"), 1.0f)).bytes;
  Floats doubled(2 * scales.size());
  CHECK(read_scales(format("q2_0"), kShape, g64.data(), 0, kShape.rows, doubled.data()));
  for (size_t i = 0; i < doubled.size(); i++) CHECK_EQ(doubled[i], scales[i / 2]);
}

BITNET_TEST(formats_lossless_zero_groups_take_any_scale) {
  // Groups of 64 whose neighbour is all zeros fit into groups of 128.
  Bytes codes = random_codes(kShape.rows * kShape.cols, 65);
  Floats scales(codes.size() / 64);
  for (size_t i = 0; i < scales.size(); i++) {
    scales[i] = 0.25f * static_cast<float>(1 + i % 7);
    const bool zero = i % 2 == i / 8 % 2;
    if (zero) std::fill_n(codes.begin() + static_cast<ptrdiff_t>(64 * i), 64, uint8_t{1});
  }
  const Source source(format("q2_0"), codes, scales);
  const ConvertedRows got = convert(source.rows, target_of(format("ptq1_0"), 1.0f));
  CHECK(!got.loss.any());
  const Rows rows{&format("ptq1_0"), kShape, got.bytes.data(), got.bytes.size()};
  CHECK_EQ(compare_rows(source.rows, rows).n_weights, 0u);

  // A scale beyond f16 is no obstacle where it scales nothing.
  const Bytes zeros(64 * 64, 1);
  const MatrixShape shape{64, 64};
  const Source huge(format("i2_s"), zeros, {1e30f}, shape);
  CHECK(!convert(huge.rows, target_of(format("q2_0"), 1.0f)).loss.any());
}

BITNET_TEST(formats_lossless_uneven_groups) {
  // Input groups of 96 and output groups of 64 overlap in parts of 32.
  const MatrixShape shape{2, 192};
  Floats x(2 * 192);
  Random random(66);
  for (size_t i = 0; i < x.size(); i++) {
    x[i] = (static_cast<float>(random.code()) - 1.0f) * 0.5f;
  }
  const FloatSource even(x, shape, FloatMeaning::kUnpacked, 1.0f, 96);
  const Bytes bytes = convert(even.rows, target_of(format("q2_0"), 1.0f)).bytes;
  const Rows rows{&format("q2_0"), shape, bytes.data(), bytes.size()};
  CHECK_EQ(compare_rows(even.rows, rows).n_weights, 0u);

  for (size_t i = 96; i < 192; i++) x[i] *= 2.0f;
  const FloatSource uneven(x, shape, FloatMeaning::kUnpacked, 1.0f, 96);
  const ConvertedRows got = convert(uneven.rows, target_of(format("q2_0"), 1.0f, true));
  CHECK_EQ(got.loss.scales_merged, 2u);  // both parts of the group in the middle of the first row
  CHECK_EQ(got.loss.scales_rounded, 1u);
}

// ---- losses ----------------------------------------------------------------------------------

BITNET_TEST(formats_loss_of_rounding) {
  const Bytes codes = random_codes(kShape.rows * kShape.cols, 67);
  const float scale = 0.1f;  // no f16 number
  const float rounded = f16_to_f32(f32_to_f16(scale));
  const Source source(format("i2_s"), codes, {scale});
  const Format& tq2_0 = format("tq2_0");
  CHECK_EQ(error_of([&] { convert(source.rows, target_of(tq2_0, 1.0f)); }), "E_UNSUPPORTED");
  CHECK_EQ(message_of([&] { convert(source.rows, target_of(tq2_0, 1.0f)); }),
           "i2_s to tq2_0 is not lossless: in rows 0 to 41, 126 scales rounded to f16 (relative "
           "change up to 0.00024)");
  const ConvertedRows got = convert(source.rows, target_of(tq2_0, 1.0f, true));
  CHECK_EQ(got.loss.scales_rounded, kShape.rows * 3);
  CHECK_EQ(got.loss.scales_merged, 0u);
  const double change = std::fabs(static_cast<double>(rounded) - static_cast<double>(scale));
  CHECK_EQ(got.loss.max_relative, change / static_cast<double>(std::max(scale, rounded)));
  CHECK(got.bytes == Source(tq2_0, codes, uniform_scales(tq2_0, rounded)).bytes);

  const Rows rows{&tq2_0, kShape, got.bytes.data(), got.bytes.size()};
  const RowsDifference difference = compare_rows(source.rows, rows);
  CHECK_EQ(difference.n_trits, 0u);
  CHECK_EQ(difference.n_weights,
           codes.size() - static_cast<size_t>(std::count(codes.begin(), codes.end(), 1)));
  CHECK(std::fabs(difference.max_relative - got.loss.max_relative) < 1e-12);

  // A scale that f16 does not reach is refused in any case; so is one that is no number.
  const Source huge(format("i2_s"), codes, {1e6f});
  CHECK_EQ(error_of([&] { convert(huge.rows, target_of(tq2_0, 1.0f, true)); }), "E_UNSUPPORTED");
  Rows nan = source.rows;
  nan.scale = kNan;
  CHECK_EQ(error_of([&] { convert(nan, target_of(tq2_0, 1.0f, true)); }), "E_MODEL_FORMAT");
}

BITNET_TEST(formats_loss_of_merging) {
  // Two groups of 128, 30 and 90 weights other than zero.
  const MatrixShape shape{1, 256};
  Bytes codes(256, 1);
  std::fill_n(codes.begin(), 30, uint8_t{0});
  std::fill_n(codes.begin() + 128, 90, uint8_t{2});
  const Source source(format("q2_0_g128"), codes, {1.0f, 2.0f}, shape);
  for (const char* name : {"tq1_0", "tq2_0"}) {
    CHECK_EQ(error_of([&] { convert(source.rows, target_of(format(name), 1.0f)); }),
             "E_UNSUPPORTED");
    const ConvertedRows got = convert(source.rows, target_of(format(name), 1.0f, true));
    CHECK_EQ(got.loss.scales_merged, 2u);
    CHECK_EQ(got.loss.scales_rounded, 0u);
    CHECK_EQ(got.loss.max_relative, 0.75 / 1.75);
    CHECK(got.bytes == Source(format(name), codes, {1.75f}, shape).bytes);
  }
  // One scale for the matrix: the caller's, which one group has.
  const ConvertedRows got = convert(source.rows, target_of(format("i2_s"), 2.0f, true));
  CHECK_EQ(got.loss.scales_merged, 1u);
  CHECK_EQ(got.loss.max_relative, 0.5);
  CHECK_EQ(error_of([&] { convert(source.rows, target_of(format("i2_s"), 2.0f)); }),
           "E_UNSUPPORTED");
}

BITNET_TEST(formats_loss_of_float_blocks) {
  const Bytes codes = random_codes(kShape.rows * kShape.cols, 68);
  const Source source(format("tq2_0"), codes, uniform_scales(format("tq2_0"), 0.3f));
  CHECK(!convert(source.rows, target_of(format("f16"), 1.0f)).loss.any());
  const ConvertedRows got = convert(source.rows, target_of(format("bf16"), 1.0f, true));
  CHECK_EQ(got.loss.weights_rounded,
           codes.size() - static_cast<size_t>(std::count(codes.begin(), codes.end(), 1)));
  CHECK(got.loss.max_relative > 0.0 && got.loss.max_relative < 0x1p-8);
  CHECK_EQ(error_of([&] { convert(source.rows, target_of(format("bf16"), 1.0f)); }),
           "E_UNSUPPORTED");
}

BITNET_TEST(formats_scale_stats) {
  const MatrixShape shape{2, 256};
  Bytes codes(512, 1);
  std::fill_n(codes.begin(), 30, uint8_t{0});
  std::fill_n(codes.begin() + 384, 90, uint8_t{2});
  const Source source(format("ptq1_0"), codes, {1.0f, 7.0f, -3.0f, 2.0f}, shape);
  const ScaleStats stats = scale_stats(source.rows);
  CHECK_EQ(stats.min, 1.0f);
  CHECK_EQ(stats.max, 2.0f);
  CHECK_EQ(stats.n_nonzeros, 120u);
  CHECK_EQ(stats.weighted_sum, 210.0);
  const Bytes no_codes(512, 1);
  const Source zeros(format("ptq1_0"), no_codes, {1.0f, 7.0f, -3.0f, 2.0f}, shape);
  CHECK_EQ(scale_stats(zeros.rows).n_nonzeros, 0u);
  CHECK_EQ(scale_stats(zeros.rows).max, 0.0f);
}

// ---- blocks, masters, unpacking --------------------------------------------------------------

BITNET_TEST(formats_lossless_in_blocks) {
  const Bytes codes = random_codes(kShape.rows * kShape.cols, 69);
  for (const Format* from : ternary_formats()) {
    const Source source(*from, codes, uniform_scales(*from, 0.5f));
    for (const Format* to : all_formats()) {
      if (to->ternary ? to->pack == nullptr : to->encode == nullptr) continue;
      const Target target = target_of(*to, 0.5f, true);
      const MatrixShape tiled{kShape.rows, kShape.cols, target.tile};
      const uint64_t step =
          std::max(row_multiple(*from, source.rows.shape), row_multiple(*to, tiled));
      Bytes joined;
      for (uint64_t row = 0; row < kShape.rows; row += step) {
        Rows part = source.rows;
        part.shape.rows = step;
        part.data_bytes = payload_bytes(*from, part.shape);
        part.data += row / step * part.data_bytes;
        const Bytes bytes = convert(part, target).bytes;
        joined.insert(joined.end(), bytes.begin(), bytes.end());
      }
      if (joined != convert(source.rows, target).bytes) {
        record_failure(__FILE__, __LINE__, std::string(from->name) + " to " + to->name);
      }
    }
  }
}

BITNET_TEST(formats_lossless_masters) {
  const Floats x = random_floats(kShape.rows * kShape.cols, 70);
  const FloatSource masters(x, kShape, FloatMeaning::kMasters, 0.5f, 0);
  Bytes codes(x.size());
  ternarise(x.data(), x.size(), 0.5f, codes.data());
  for (const Format* to : ternary_formats()) {
    const ConvertedRows got = convert(masters.rows, target_of(*to, 0.5f));
    CHECK(got.bytes == Source(*to, codes, uniform_scales(*to, 0.5f)).bytes);
  }
  // Masters become ternary in float formats too.
  const Bytes floats = convert(masters.rows, target_of(format("f32"), 1.0f)).bytes;
  const Rows rows{&format("f32"), kShape, floats.data(), floats.size()};
  CHECK_EQ(compare_rows(masters.rows, rows).n_weights, 0u);
  CHECK(check_ternary_rows(format("f32"), kShape.rows, kShape.cols, floats.data(), floats.size())
            .ternary);
}

BITNET_TEST(formats_unpack_rows) {
  const Bytes codes = random_codes(kShape.rows * kShape.cols, 71);
  const Floats scales = group_scales(kShape.rows * kShape.cols / 128);
  const Source source(format("ptq1_0"), codes, scales);
  const TernaryRows got = unpack_rows(source.rows, 5, 7);
  CHECK_EQ(got.group, 128u);
  CHECK(std::equal(got.codes.begin(), got.codes.end(), codes.begin() + 5 * 768));
  CHECK(std::equal(got.scales.begin(), got.scales.end(), scales.begin() + 5 * 6));
  CHECK_EQ(error_of([&] { unpack_rows(source.rows, 60, 5); }), "E_USAGE");
  const Source flat(format("tl2"), codes, {0.5f});
  CHECK_EQ(unpack_rows(flat.rows, 0, 64).group, 768u);
  CHECK(unpack_rows(flat.rows, 0, 64).scales == Floats(64, 0.5f));
}

// ---- refusals --------------------------------------------------------------------------------

BITNET_TEST(formats_lossless_refuses) {
  const Bytes codes = random_codes(kShape.rows * kShape.cols, 72);
  const Source source(format("q2_0"), codes, uniform_scales(format("q2_0"), 0.5f));
  const auto error = [&](const Rows& rows, const Target& target) {
    return error_of([&] { convert(rows, target); });
  };
  const auto message = [&](const Rows& rows, const Target& target) {
    return message_of([&] { convert(rows, target); });
  };
  const Target tq2_0 = target_of(format("tq2_0"), 1.0f);
  CHECK_EQ(error(source.rows, target_of(format("iq2_bn"), 1.0f)), "E_UNSUPPORTED");
  CHECK_EQ(error(source.rows, target_of(format("q4_k"), 1.0f)), "E_UNSUPPORTED");
  CHECK_EQ(error(source.rows, target_of(format("i2_s"), kNan)), "E_USAGE");

  Rows bad = source.rows;
  bad.data_bytes--;
  CHECK_EQ(message(bad, tq2_0), "q2_0 rows [64, 768] take 13824 bytes, got 13823");
  bad = source.rows;
  bad.quarter = 1;
  CHECK_EQ(error(bad, tq2_0), "E_USAGE");
  bad = source.rows;
  bad.shape.cols = 100;
  CHECK_EQ(
      message(bad, tq2_0),
      "shape [64, 100] does not fit format q2_0 (blocks of 64): columns must fill whole blocks");
  CHECK_EQ(message(source.rows, {&format("tl1"), {256, 128, 32}}),
           "shape [64, 768] with BM 256, BK 128, bm 32 does not fit format tl1: rows must be a "
           "multiple of BM");
  CHECK_EQ(error(source.rows, {&format("tl2")}), "E_MODEL_FORMAT");

  Bytes bytes = source.bytes;
  bad = source.rows;
  bad.data = bytes.data();
  bytes[18 * 12 * 3 + 18 * 2 + 2 + 1] |= 3;  // row 3, the third block's fifth weight
  CHECK_EQ(message(bad, tq2_0), "invalid ternary code 3 in q2_0 row 3, column 132");
  bytes = source.bytes;
  bad.data = bytes.data();
  bytes[18 * 12 * 3 + 18 * 2 + 1] = 0x7e;
  CHECK_EQ(message(bad, tq2_0), "weight scale of q2_0 row 3, column 128 is not a finite number");
  CHECK_EQ(error(bad, tq2_0), "E_MODEL_FORMAT");

  Floats x = random_floats(2 * 256, 73);
  const FloatSource plain(x, {2, 256}, FloatMeaning::kPlain, 1.0f, 0);
  CHECK_EQ(error(plain.rows, tq2_0), "E_USAGE");
  CHECK_EQ(error_of([&] { scale_stats(plain.rows); }), "E_USAGE");
  CHECK_EQ(error_of([&] { unpack_rows(plain.rows, 0, 1); }), "E_USAGE");
  CHECK_EQ(error_of([&] { compare_rows(plain.rows, source.rows); }), "E_USAGE");
  const FloatSource unpacked(x, {2, 256}, FloatMeaning::kUnpacked, 1.0f, 128);
  CHECK_EQ(message(unpacked.rows, tq2_0),
           "weights from row 0, column 0 on are not ternary in groups of 128");
  const FloatSource crooked(x, {2, 256}, FloatMeaning::kUnpacked, 1.0f, 100);
  CHECK_EQ(error(crooked.rows, tq2_0), "E_USAGE");
  x[300] = kInfinity;
  const FloatSource infinite(x, {2, 256}, FloatMeaning::kMasters, 1.0f, 0);
  CHECK_EQ(message(infinite.rows, tq2_0), "weight in row 1, column 44 is not finite");
  const FloatSource scaleless(x, {2, 256}, FloatMeaning::kMasters, 0.0f, 0);
  CHECK_EQ(error(scaleless.rows, tq2_0), "E_USAGE");
}

}  // namespace
}  // namespace bitnet::selftest

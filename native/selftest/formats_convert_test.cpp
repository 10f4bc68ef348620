// convert_rows between float formats and ternary formats with one scale for the matrix.

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "formats/convert.h"
#include "selftest/formats_support.h"

namespace bitnet::selftest {
namespace {

/// Formats that can be written and have no scales of their own besides those of float blocks.
std::vector<const Format*> plain_formats() {
  std::vector<const Format*> formats;
  for (const char* name : {"f32", "f16", "bf16", "q8_0", "q6_k", "i2_s", "i2_s_group64",
                           "i2_s_row4", "i2_s_seq_hi", "i2_s_seq_lo", "hf_packed"}) {
    formats.push_back(&format(name));
  }
  return formats;
}

constexpr uint64_t kRows = 12;
constexpr uint64_t kCols = 768;
constexpr float kScale = 0.375f;  // exact in every format

/// A payload of random weights in any format.
Bytes random_payload(const Format& f, uint64_t rows, uint64_t cols) {
  if (f.ternary) return pack(f, random_codes(rows * cols, 31), {rows, cols});
  return encode(f, random_floats(rows * cols, 32));
}

BITNET_TEST(formats_convert_every_pair) {
  for (const Format* from : plain_formats()) {
    const Bytes data = random_payload(*from, kRows, kCols);
    for (const Format* to : plain_formats()) {
      const Bytes got = convert_rows(*from, *to, kRows, kCols, data.data(), data.size(), kScale);
      const MatrixShape shape{kRows, kCols};
      Bytes codes(kRows * kCols);
      Floats x(kRows * kCols);
      if (from->ternary) {
        codes = unpack(*from, data, shape);
        for (size_t i = 0; i < x.size(); i++) {
          x[i] = (static_cast<float>(codes[i]) - 1.0f) * kScale;
        }
      } else {
        x = decode(*from, data);
        ternarise(x.data(), x.size(), kScale, codes.data());
      }
      Bytes expected = to->ternary ? pack(*to, codes, shape) : encode(*to, x);
      if (from == to) expected = data;
      if (got != expected) {
        record_failure(__FILE__, __LINE__, std::string(from->name) + " to " + to->name);
      }
    }
  }
}

BITNET_TEST(formats_convert_round_trips) {
  // Ternary weights survive any format on the way when the scale is exact in it.
  const Bytes data = random_payload(format("i2_s"), kRows, kCols);
  for (const Format* middle : plain_formats()) {
    const Bytes there =
        convert_rows(format("i2_s"), *middle, kRows, kCols, data.data(), data.size(), kScale);
    const Bytes back =
        convert_rows(*middle, format("i2_s"), kRows, kCols, there.data(), there.size(), kScale);
    if (back != data) record_failure(__FILE__, __LINE__, middle->name);
  }
}

BITNET_TEST(formats_convert_pieces) {
  // Large enough for many pieces, with and without rows of whole groups.
  for (const MatrixShape& shape : {MatrixShape{512, 768}, MatrixShape{1024, 100},
                                   MatrixShape{128, 1081}, MatrixShape{4, 100096}}) {
    for (const Format* from : plain_formats()) {
      for (const Format* to : plain_formats()) {
        if (payload_bytes(*from, shape.rows, shape.cols) == 0) continue;
        if (payload_bytes(*to, shape.rows, shape.cols) == 0) continue;
        const Bytes data = random_payload(*from, shape.rows, shape.cols);
        const Bytes got =
            convert_rows(*from, *to, shape.rows, shape.cols, data.data(), data.size(), kScale);
        if (!from->ternary || !to->ternary) {
          CHECK_EQ(got.size(), payload_bytes(*to, shape.rows, shape.cols));
          continue;
        }
        CHECK(got == pack(*to, unpack(*from, data, shape), shape));
      }
    }
  }
}

BITNET_TEST(formats_convert_blocks_of_rows) {
  // [12, 768] in blocks of 4 rows, and [384, 6] in blocks of 64 rows (three groups of 128).
  for (const auto& [shape, block_rows] :
       {std::pair{MatrixShape{12, 768}, 4}, std::pair{MatrixShape{384, 6}, 64}}) {
    for (const Format* from : plain_formats()) {
      for (const Format* to : plain_formats()) {
        // Row quarters are spread over the whole tensor.
        if (to->order == ElementOrder::kRowQuarters) continue;
        if (from->order == ElementOrder::kRowQuarters) continue;
        const uint64_t n_rows = static_cast<uint64_t>(block_rows);
        const uint64_t block_bytes = payload_bytes(*from, n_rows, shape.cols);
        if (block_bytes == 0 || payload_bytes(*to, n_rows, shape.cols) == 0) continue;
        const Bytes data = random_payload(*from, shape.rows, shape.cols);
        const Bytes whole =
            convert_rows(*from, *to, shape.rows, shape.cols, data.data(), data.size(), kScale);
        Bytes joined;
        for (uint64_t i = 0; i < shape.rows / n_rows; i++) {
          const Bytes part = convert_rows(*from, *to, n_rows, shape.cols,
                                          data.data() + i * block_bytes, block_bytes, kScale);
          joined.insert(joined.end(), part.begin(), part.end());
        }
        if (joined != whole) {
          record_failure(__FILE__, __LINE__, std::string(from->name) + " to " + to->name);
        }
      }
    }
  }
}

BITNET_TEST(formats_convert_quarters) {
  // Quarter by quarter, and each in blocks of packed rows, equals the whole tensor at once.
  const uint64_t rows = 48;
  const uint64_t cols = 384;
  const Format& packed = format("hf_packed");
  const Format& i2_s = format("i2_s");
  const Bytes data = random_payload(packed, rows, cols);
  const Bytes whole = convert_rows(packed, i2_s, rows, cols, data.data(), data.size(), 1.0f);
  Bytes joined;
  for (int quarter = 0; quarter < 4; quarter++) {
    for (uint64_t row = 0; row < rows / 4; row += 3) {
      const Bytes part =
          convert_rows(packed, i2_s, 3, cols, data.data() + row * cols, 3 * cols, 1.0f, quarter);
      joined.insert(joined.end(), part.begin(), part.end());
    }
  }
  CHECK(joined == whole);
  const Bytes floats = convert_rows(packed, format("f32"), 5, cols, data.data(), 5 * cols, 0.5f, 3);
  const Floats x = decode(format("f32"), floats);
  CHECK_EQ(x[7], (static_cast<float>(data[7] >> 6) - 1.0f) * 0.5f);
}

BITNET_TEST(formats_convert_refuses) {
  const Format& f32 = format("f32");
  const Format& i2_s = format("i2_s");
  const Format& packed = format("hf_packed");
  const auto convert = [](const Format& from, const Format& to, uint64_t rows, uint64_t cols,
                          const Bytes& data, float scale, int quarter = kNoQuarter) {
    return error_of(
        [&] { convert_rows(from, to, rows, cols, data.data(), data.size(), scale, quarter); });
  };
  const Bytes zeros = as_bytes(Floats(256, 0.0f));
  CHECK_EQ(convert(f32, i2_s, 2, 128, zeros, 1.0f), "none");
  CHECK_EQ(convert(f32, i2_s, 2, 129, zeros, 1.0f), "E_USAGE");
  CHECK_EQ(convert(f32, i2_s, 1, 192, as_bytes(Floats(192)), 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(f32, format("q8_0"), 8, 33, as_bytes(Floats(264)), 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(f32, i2_s, 0, 128, {}, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(f32, i2_s, uint64_t{1} << 40, uint64_t{1} << 40, zeros, 1.0f), "E_MODEL_FORMAT");
  for (const float scale : {0.0f, -1.0f, kNan, kInfinity}) {
    CHECK_EQ(convert(f32, i2_s, 2, 128, zeros, scale), "E_USAGE");
  }

  Bytes codes(64, 0x55);
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, 1.0f), "none");
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, kNan), "E_MODEL_FORMAT");
  CHECK_EQ(convert(i2_s, packed, 2, 128, codes, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, 1.0f, 0), "E_USAGE");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, 4), "E_USAGE");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, -2), "E_USAGE");
  CHECK_EQ(convert(packed, f32, 1, 63, codes, 1.0f, 1), "E_USAGE");
  codes[40] = 0x57;  // a code 3 in the lowest field
  CHECK_EQ(convert(i2_s, f32, 2, 128, codes, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(i2_s, i2_s, 2, 128, codes, 1.0f), "E_MODEL_FORMAT");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, 1), "none");
  CHECK_EQ(convert(packed, f32, 1, 64, codes, 1.0f, 0), "E_MODEL_FORMAT");

  for (const float v : {kNan, kInfinity}) {
    Floats x(256, 0.0f);
    x[200] = v;
    const Bytes bad = as_bytes(x);
    CHECK_EQ(convert(f32, i2_s, 2, 128, bad, 1.0f), "E_MODEL_FORMAT");
    CHECK_EQ(convert(f32, format("q6_k"), 1, 256, bad, 1.0f), "E_MODEL_FORMAT");
    CHECK_EQ(convert(f32, format("f16"), 2, 128, bad, 1.0f), "none");
  }
}

BITNET_TEST(formats_convert_messages) {
  Bytes codes(64, 0x55);
  codes[40] = 0x57;
  std::string message;
  try {
    convert_rows(format("i2_s"), format("f32"), 2, 128, codes.data(), codes.size(), 1.0f);
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK_EQ(message, "invalid ternary code 3 in i2_s row 1, column 104");
}

BITNET_TEST(formats_row_sums_and_checks) {
  const Floats x = random_floats(5 * 96, 41);
  const Bytes data = as_bytes(x);
  double expected = 0.0;
  for (size_t row = 0; row < 5; row++) expected += abs_sum(x.data() + row * 96, 96);
  CHECK_EQ(abs_sum_rows(format("f32"), 5, 96, data.data(), data.size()), expected);
  CHECK(!check_ternary_rows(format("f32"), 5, 96, data.data(), data.size()).ternary);

  Floats t(5 * 96, 0.0f);
  t[100] = 0.5f;
  t[400] = -0.5f;
  const Bytes half = encode(format("f16"), t);
  const TernaryCheck check = check_ternary_rows(format("f16"), 5, 96, half.data(), half.size());
  CHECK(check.ternary);
  CHECK_EQ(check.max_abs, 0.5f);
  t[300] = 0.25f;  // a row of its own is ternary, the tensor is not
  const Bytes mixed = as_bytes(t);
  CHECK(!check_ternary_rows(format("f32"), 5, 96, mixed.data(), mixed.size()).ternary);
  t[300] = kNan;
  const Bytes nan = as_bytes(t);
  const TernaryCheck bad = check_ternary_rows(format("f32"), 5, 96, nan.data(), nan.size());
  CHECK(!bad.ternary);
  CHECK(std::isnan(bad.max_abs));

  CHECK_EQ(error_of([&] { abs_sum_rows(format("i2_s"), 5, 96, data.data(), data.size()); }),
           "E_USAGE");
  CHECK_EQ(error_of([&] { abs_sum_rows(format("f32"), 5, 95, data.data(), data.size()); }),
           "E_USAGE");
}

}  // namespace
}  // namespace bitnet::selftest

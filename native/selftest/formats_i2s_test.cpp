// I2_S in its five orders and packed checkpoints, against the formulas written out slowly and
// against hashes of files from other programs.

#include <algorithm>
#include <cstring>
#include <string>

#include "selftest/formats_support.h"
#include "selftest/sha256.h"

namespace bitnet::selftest {
namespace {

struct Place {
  uint64_t byte;
  unsigned shift;
};

/// Where weight (m, k) of a [rows, cols] ternary tensor lies.
Place place_of(const std::string& name, uint64_t rows, uint64_t cols, uint64_t m, uint64_t k) {
  const uint64_t e = m * cols + k;
  const auto shift_down = [](uint64_t field) { return static_cast<unsigned>(6 - 2 * field); };
  if (name == "i2_s") return {32 * (e / 128) + e % 128 % 32, shift_down(e % 128 / 32)};
  if (name == "i2_s_group64") return {16 * (e / 64) + e % 64 % 16, shift_down(e % 64 / 16)};
  if (name == "i2_s_row4") return {m / 4 * cols + k, shift_down(m % 4)};
  if (name == "i2_s_seq_hi") return {e / 4, shift_down(e % 4)};
  if (name == "i2_s_seq_lo") return {e / 4, static_cast<unsigned>(2 * (e % 4))};
  return {m % (rows / 4) * cols + k, static_cast<unsigned>(2 * (m / (rows / 4)))};  // hf_packed
}

Bytes pack_slowly(const Format& f, const Bytes& codes, uint64_t rows, uint64_t cols) {
  Bytes payload(rows * cols / 4);
  for (uint64_t m = 0; m < rows; m++) {
    for (uint64_t k = 0; k < cols; k++) {
      const Place place = place_of(f.name, rows, cols, m, k);
      uint8_t& byte = payload[place.byte];
      byte = static_cast<uint8_t>(byte | codes[m * cols + k] << place.shift);
    }
  }
  return payload;
}

const char* const kNames[] = {"i2_s",        "i2_s_group64", "i2_s_row4",
                              "i2_s_seq_hi", "i2_s_seq_lo",  "hf_packed"};

/// Tensor bytes of the golden files: payload, then f32 0.5 and 28 zeros where there is a tail.
Bytes golden_tensor(const char* name, uint64_t rows, uint64_t cols, uint32_t seed) {
  const Format& f = format(name);
  Bytes bytes = pack(f, random_codes(rows * cols, seed), {rows, cols});
  const size_t payload = bytes.size();
  bytes.resize(payload + f.tail_bytes);
  const float scale = 0.5f;
  if (f.tail_bytes != 0) std::memcpy(bytes.data() + payload, &scale, sizeof(scale));
  return bytes;
}

BITNET_TEST(formats_i2s_golden_hashes) {
  struct Golden {
    const char* name;
    const char* hash_prefix;
    const char* first_bytes;
  };
  // Matrix 64 x 256 of the generator with seed 1 (specification, appendix B).
  const Golden cases[] = {
      {"i2_s", "b72515a7d0811fb469f0f65fce32a9ec", "52896a4a1925a221"},
      {"i2_s_group64", "f9ef1ca7560f836700d45462d4fe49ba", "56a16a60051a880a"},
      {"i2_s_row4", "89f25adf0eb0b2b4f0c55636b160416c", "628162480a259125"},
      {"i2_s_seq_hi", "c188138a59cdd1898d094579f4ef0b25", "650812826a108425"},
      {"i2_s_seq_lo", "c4ff6c11273ac7609f1ec3f44c684a78", "59208482a9041258"},
      {"hf_packed", "a795cf3f00b69974e88792f44e4e411c", "418a851128888258"},
  };
  for (const Golden& golden : cases) {
    const Bytes tensor = golden_tensor(golden.name, 64, 256, 1);
    CHECK_EQ(hex_text(tensor.data(), 8), golden.first_bytes);
    CHECK_EQ(sha256(tensor).substr(0, 32), golden.hash_prefix);
  }
}

BITNET_TEST(formats_i2s_golden_converter) {
  // Written by the functions of Microsoft's converter (golden data, lut/msconverter.json).
  CHECK_EQ(sha256(golden_tensor("i2_s", 64, 256, 101)),
           "3eae765e529a59947829d536c901f468fd9647a01e2fe7b0fd37486d1b16e72e");
  CHECK_EQ(sha256(golden_tensor("i2_s", 30, 384, 108)),
           "eac1f4375c0dc29bee2b4bb3e2b31b8cf37e1f14e51b2e04b1b1e91476080fca");
  CHECK_EQ(sha256(golden_tensor("i2_s", 1024, 4096, 103)),
           "58689a79563d88f9c5ec262686e12baf0bf8cabcc389b3970d918cdbf93cdfba");
}

// Whole groups per row and not, fewer and more weights than a group, odd sizes.
const MatrixShape kShapes[] = {{1, 128}, {4, 1},    {4, 3},    {4, 32},   {2, 64},   {3, 128},
                               {5, 256}, {128, 1},  {128, 3},  {64, 6},   {12, 32},  {8, 48},
                               {20, 96}, {36, 192}, {7, 8640}, {8, 1080}, {16, 504}, {1, 4},
                               {3, 64},  {1, 64},   {32, 100}};

BITNET_TEST(formats_i2s_formula) {
  size_t n_cases = 0;
  for (const char* name : kNames) {
    const Format& f = format(name);
    for (const MatrixShape& shape : kShapes) {
      if (payload_bytes(f, shape) == 0) continue;
      n_cases++;
      const Bytes codes = random_codes(shape.rows * shape.cols, 3);
      const Bytes payload = pack(f, codes, shape);
      CHECK(payload == pack_slowly(f, codes, shape.rows, shape.cols));
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
  CHECK(n_cases > 60);
}

BITNET_TEST(formats_i2s_packed_by_rows) {
  for (const char* name : kNames) {
    const Format& f = format(name);
    for (const MatrixShape& shape : kShapes) {
      if (payload_bytes(f, shape) == 0) continue;
      const Bytes codes = random_codes(shape.rows * shape.cols, 4);
      Bytes payload(payload_bytes(f, shape));
      const uint64_t step = pack_multiple(f, shape.cols);
      for (uint64_t row = 0; row < shape.rows; row += step) {
        f.pack(codes.data() + row * shape.cols, shape, row, std::min(step, shape.rows - row),
               payload.data());
      }
      CHECK(payload == pack(f, codes, shape));
    }
  }
}

BITNET_TEST(formats_i2s_code_3) {
  for (const char* name : kNames) {
    Bytes codes = random_codes(uint64_t{8} * 64, 5);
    codes[321] = 3;
    const MatrixShape shape{8, 64};
    CHECK(unpack(format(name), pack(format(name), codes, shape), shape) == codes);
  }
}

}  // namespace
}  // namespace bitnet::selftest

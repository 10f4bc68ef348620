// TL1 and TL2 against the loops of the specification (formats.md 3.1 and 3.4), written out.

#include <algorithm>
#include <cstdlib>
#include <string>

#include "selftest/formats_support.h"

namespace bitnet::selftest {
namespace {

// ---- the loops of the specification ----------------------------------------------------------

struct Matrix {
  const Bytes& codes;
  const MatrixShape& shape;

  int trit(uint64_t m, uint64_t k) const { return codes[m * shape.cols + k] - 1; }
  int pair(uint64_t m, uint64_t k) const { return 3 * trit(m, k) + trit(m, k + 1) + 4; }
  int triple(uint64_t m, uint64_t k) const {
    return 9 * trit(m, k) + 3 * trit(m, k + 1) + trit(m, k + 2);
  }
};

uint8_t two_nibbles(int high, int low) { return static_cast<uint8_t>(high << 4 | low); }

Bytes pack_tl1_slowly(const Matrix& w) {
  const auto [rows, cols, tile] = w.shape;
  const uint64_t bm = tile.inner_rows;
  const uint64_t by = 256 / bm;
  Bytes bytes;
  for (uint64_t mt = 0; mt < rows / tile.rows; mt++) {
    for (uint64_t kt = 0; kt < cols / tile.cols; kt++) {
      for (uint64_t ms = 0; ms < tile.rows / bm; ms++) {
        for (uint64_t ks = 0; ks < tile.cols / by; ks++) {
          for (uint64_t mg = 0; mg < bm / 16; mg++) {
            for (uint64_t pg = 0; pg < by / 4; pg++) {
              for (uint64_t r = 0; r < 16; r++) {
                const uint64_t m = mt * tile.rows + ms * bm + mg * 16 + r;
                const uint64_t k = kt * tile.cols + ks * by + 4 * pg;
                bytes.push_back(two_nibbles(w.pair(m, k), w.pair(m, k + 2)));
              }
            }
          }
        }
      }
    }
  }
  return bytes;
}

uint64_t row_of(uint64_t q) {
  const uint64_t first[] = {0, 16, 8, 24};
  return first[q / 8] + q % 8;
}

Bytes pack_tl2_slowly(const Matrix& w) {
  const auto [rows, cols, tile] = w.shape;
  const uint64_t three_k = cols / tile.cols * tile.cols;
  Bytes bytes;
  for (uint64_t mt = 0; mt < rows / tile.rows; mt++) {
    for (uint64_t kt = 0; kt < three_k / tile.cols; kt++) {
      for (uint64_t ms = 0; ms < tile.rows / 32; ms++) {
        for (uint64_t ks = 0; ks < tile.cols / 6; ks++) {
          for (uint64_t q = 0; q < 32; q++) {
            const uint64_t m = mt * tile.rows + ms * 32 + row_of(q);
            const uint64_t k = kt * tile.cols + ks * 6;
            bytes.push_back(two_nibbles(std::abs(w.triple(m, k)), std::abs(w.triple(m, k + 3))));
          }
        }
      }
    }
  }
  for (uint64_t mt = 0; mt < rows / tile.rows; mt++) {
    for (uint64_t kt = 0; kt < three_k / tile.cols; kt++) {
      for (uint64_t ms = 0; ms < tile.rows / 32; ms++) {
        for (uint64_t ch = 0; ch < tile.cols / 24; ch++) {
          for (uint64_t c = 0; c < 16; c++) {
            const uint64_t m = mt * tile.rows + ms * 32 + c;
            const uint64_t k = kt * tile.cols + ch * 24;
            unsigned word = 0;
            for (unsigned j = 0; j < 8; j++) {
              word |= (w.triple(m, k + 3 * j) < 0 ? 1u : 0u) << (15 - 2 * j);
              word |= (w.triple(m + 16, k + 3 * j) < 0 ? 1u : 0u) << (14 - 2 * j);
            }
            bytes.push_back(static_cast<uint8_t>(word));
            bytes.push_back(static_cast<uint8_t>(word >> 8));
          }
        }
      }
    }
  }
  for (uint64_t mt = 0; mt < rows / tile.rows; mt++) {
    for (uint64_t kt = 0; kt < (cols - three_k) / 32; kt++) {
      for (uint64_t ms = 0; ms < tile.rows / 32; ms++) {
        for (uint64_t ks = 0; ks < 8; ks++) {
          for (uint64_t q = 0; q < 32; q++) {
            const uint64_t m = mt * tile.rows + ms * 32 + row_of(q);
            const uint64_t k = three_k + kt * 32 + ks * 4;
            bytes.push_back(two_nibbles(w.pair(m, k), w.pair(m, k + 2)));
          }
        }
      }
    }
  }
  const uint64_t nominal = (cols - 256) * rows / 3 * 5 / 8 + 256 * rows / 2 * 4 / 8;
  CHECK(bytes.size() <= nominal);
  bytes.resize((nominal + 31) / 32 * 32);
  return bytes;
}

Bytes pack_slowly(const Format& f, const Bytes& codes, const MatrixShape& shape) {
  const Matrix w{codes, shape};
  return f.order == ElementOrder::kTl1 ? pack_tl1_slowly(w) : pack_tl2_slowly(w);
}

// ---- layouts ---------------------------------------------------------------------------------

struct Case {
  const char* name;
  MatrixShape shape;
};

// Tiles of one strip and of several, steps of 4 and 8 columns, tiles that are no multiple of what
// is unpacked at a time, K tails of every length, no tail.
const Case kCases[] = {
    {"tl1", {32, 8, {32, 8, 32}}},      {"tl1", {64, 4, {64, 4, 64}}},
    {"tl1", {64, 96, {32, 96, 32}}},    {"tl1", {128, 200, {128, 40, 64}}},
    {"tl1", {320, 72, {160, 24, 32}}},  {"tl1", {256, 256, {128, 64, 64}}},
    {"tl1", {96, 512, {96, 256, 32}}},  {"tl2", {32, 256, {32, 96, 32}}},
    {"tl2", {64, 288, {64, 96, 32}}},   {"tl2", {96, 288, {32, 24, 32}}},
    {"tl2", {160, 320, {160, 96, 32}}}, {"tl2", {192, 352, {64, 96, 32}}},
    {"tl2", {64, 544, {64, 192, 32}}},  {"tl2", {64, 384, {32, 192, 32}}},
    {"tl2", {32, 480, {32, 240, 32}}},  {"tl2", {32, 488, {32, 456, 32}}},
};

BITNET_TEST(formats_tl_formula) {
  for (const auto& [name, shape] : kCases) {
    const Format& f = format(name);
    CHECK_EQ(misfit(f, shape) == nullptr, true);
    const Bytes codes = random_codes(shape.rows * shape.cols, 3);
    const Bytes payload = pack(f, codes, shape);
    CHECK(payload == pack_slowly(f, codes, shape));
    for (uint64_t begin = 0; begin < shape.rows; begin += 1 + begin % 3) {
      for (const uint64_t n : {uint64_t{1}, uint64_t{17}, uint64_t{40}, shape.rows - begin}) {
        if (begin + n > shape.rows) continue;
        const Bytes got = unpack(f, payload, shape, begin, n);
        const auto first = codes.begin() + static_cast<ptrdiff_t>(begin * shape.cols);
        CHECK(std::equal(got.begin(), got.end(), first));
      }
    }
  }
}

BITNET_TEST(formats_tl_extreme_codes) {
  for (const auto& [name, shape] : kCases) {
    for (const uint8_t code : {uint8_t{0}, uint8_t{1}, uint8_t{2}}) {
      const Bytes codes(shape.rows * shape.cols, code);
      const Bytes payload = pack(format(name), codes, shape);
      CHECK(payload == pack_slowly(format(name), codes, shape));
      CHECK(unpack(format(name), payload, shape) == codes);
    }
  }
}

BITNET_TEST(formats_tl_packed_by_rows) {
  for (const auto& [name, shape] : kCases) {
    const Format& f = format(name);
    const Bytes codes = random_codes(shape.rows * shape.cols, 4);
    Bytes payload(payload_bytes(f, shape));
    const uint64_t step = pack_multiple(f, shape.cols);
    CHECK_EQ(step, f.order == ElementOrder::kTl1 ? 16u : 32u);
    for (uint64_t row = 0; row < shape.rows; row += step) {
      f.pack(codes.data() + row * shape.cols, shape, row, step, payload.data());
    }
    CHECK(payload == pack(f, codes, shape));
  }
}

BITNET_TEST(formats_tl1_in_blocks) {
  const Format& f = format("tl1");
  for (const auto& [name, shape] : kCases) {
    if (std::string(name) != "tl1") continue;
    const uint64_t step = row_multiple(f, shape);
    const Bytes codes = random_codes(shape.rows * shape.cols, 5);
    Bytes joined;
    for (uint64_t row = 0; row < shape.rows; row += step) {
      const auto at = codes.begin() + static_cast<ptrdiff_t>(row * shape.cols);
      const Bytes part = pack(f, {at, at + static_cast<ptrdiff_t>(step * shape.cols)},
                              {step, shape.cols, shape.tile});
      joined.insert(joined.end(), part.begin(), part.end());
    }
    CHECK(joined == pack(f, codes, shape));
  }
}

BITNET_TEST(formats_tl_any_bytes) {
  // Indices that stand for nothing become code 3, all others what the formulas say.
  const MatrixShape tl1_shape{32, 256, {32, 256, 32}};
  Bytes payload(payload_bytes(format("tl1"), tl1_shape));
  for (size_t i = 0; i < payload.size(); i++) payload[i] = static_cast<uint8_t>(i / 8);
  const Bytes pairs = unpack(format("tl1"), payload, tl1_shape);
  for (size_t i = 0; i < payload.size(); i++) {
    // 64 bytes are 32 rows x 8 columns: [row half][four columns][16 rows].
    const size_t row = i % 64 / 32 * 16 + i % 16;
    const size_t col = i / 64 * 8 + i % 32 / 16 * 4;
    const uint8_t* got = pairs.data() + row * 256 + col;
    for (size_t p = 0; p < 2; p++) {
      const unsigned index = p == 0 ? payload[i] >> 4 : payload[i] & 15u;
      CHECK_EQ(got[2 * p], index < 9 ? index / 3 : 3);
      CHECK_EQ(got[2 * p + 1], index < 9 ? index % 3 : 3);
    }
  }

  const MatrixShape tl2_shape{32, 288, {32, 288, 32}};
  for (const uint8_t signs : {uint8_t{0x00}, uint8_t{0xff}}) {
    Bytes triples_payload(payload_bytes(format("tl2"), tl2_shape), signs);
    const size_t n_indices = 32 * 288 / 6;
    for (size_t i = 0; i < n_indices; i++) triples_payload[i] = static_cast<uint8_t>(i / 6);
    const Bytes triples = unpack(format("tl2"), triples_payload, tl2_shape);
    for (size_t i = 0; i < n_indices; i++) {
      const uint8_t* got = triples.data() + row_of(i % 32) * 288 + i / 32 * 6;
      for (size_t t = 0; t < 2; t++) {
        const int index = t == 0 ? triples_payload[i] >> 4 : triples_payload[i] & 15;
        const int v = 13 + (signs == 0 ? index : -index);
        CHECK_EQ(got[3 * t], index < 14 ? v / 9 : 3);
        CHECK_EQ(got[3 * t + 1], index < 14 ? v / 3 % 3 : 3);
        CHECK_EQ(got[3 * t + 2], index < 14 ? v % 3 : 3);
      }
    }
  }
}

// ---- sizes and rules -------------------------------------------------------------------------

BITNET_TEST(formats_tl_sizes) {
  const auto bytes = [](const char* name, const MatrixShape& shape) {
    return payload_bytes(format(name), shape);
  };
  CHECK_EQ(bytes("tl1", {3200, 8640, {160, 64, 32}}), uint64_t{3200} * 8640 / 4);
  // The scale of TL2 is where the loader of bitnet.cpp looks for it, whatever the tiles.
  CHECK_EQ(bytes("tl2", {3200, 8640, {160, 96, 32}}),
           uint64_t{(8384u * 3200 / 3 * 5 / 8 + 204800 + 31) / 32 * 32});
  CHECK_EQ(bytes("tl2", {64, 320, {32, 96, 32}}), 4960u);
  CHECK_EQ(bytes("tl2", {1024, 4096, {256, 96, 32}}), 884736u);
  CHECK_EQ(bytes("tl2", {1024, 4096, {128, 192, 32}}), 884736u);
}

BITNET_TEST(formats_tl_misfit) {
  const auto reason = [](const char* name, const MatrixShape& shape) {
    const char* text = misfit(format(name), shape);
    return std::string(text != nullptr ? text : "none");
  };
  CHECK_EQ(reason("tl1", {256, 256, {256, 128, 32}}), "none");
  CHECK_EQ(reason("tl1", {256, 256, {256, 128, 16}}), "bm must be 32 or 64");
  CHECK_EQ(reason("tl1", {256, 256, {96, 128, 64}}), "BM must be a multiple of bm");
  CHECK_EQ(reason("tl1", {256, 256, {32, 12, 32}}), "BK must be a multiple of 256 / bm");
  CHECK_EQ(reason("tl1", {256, 256, {96, 128, 32}}), "rows must be a multiple of BM");
  CHECK_EQ(reason("tl1", {256, 256, {256, 96, 32}}), "columns must be a multiple of BK");
  CHECK_EQ(reason("tl2", {256, 288, {256, 96, 32}}), "none");
  CHECK_EQ(reason("tl2", {256, 288, {256, 96, 64}}), "bm must be 32");
  CHECK_EQ(reason("tl2", {256, 288, {16, 96, 32}}), "BM must be a multiple of 32");
  CHECK_EQ(reason("tl2", {256, 288, {256, 100, 32}}), "BK must be a multiple of 24");
  CHECK_EQ(reason("tl2", {256, 288, {96, 96, 32}}), "rows must be a multiple of BM");
  CHECK_EQ(reason("tl2", {256, 300, {256, 96, 32}}),
           "the remainder of columns / BK must be a multiple of 32");
  CHECK_EQ(reason("tl2", {256, 192, {256, 96, 32}}), "it needs 256 columns at least");
  CHECK_EQ(reason("tl2", {256, 576, {256, 600, 32}}),
           "the remainder of columns / BK is larger than its size formula allows for");
  for (const char* name : {"tl1", "tl2"}) {
    CHECK_EQ(reason(name, {256, 288}), "it needs the tile parameters of its converter");
    CHECK_EQ(reason(name, {256, 288, {0, 96, 32}}),
             "it needs the tile parameters of its converter");
    CHECK_EQ(reason(name, {256, 288, {256, 0, 32}}),
             "it needs the tile parameters of its converter");
  }
}

}  // namespace
}  // namespace bitnet::selftest

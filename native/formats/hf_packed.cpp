// Packed checkpoints of Hugging Face: uint8 [rows/4, cols]; bits 2g, 2g+1 of row i belong to
// weight row g*rows/4 + i. The scale is a tensor of its own.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "formats/two_bit.h"

namespace bitnet {

void unpack_hf_packed(const uint8_t* payload, uint64_t rows, uint64_t cols, uint64_t row_begin,
                      uint64_t n_rows, uint8_t* codes) noexcept {
  const uint64_t packed_rows = rows / 4;
  const uint64_t row_end = row_begin + n_rows;
  for (uint64_t row = row_begin; row < row_end;) {
    const uint64_t quarter = row / packed_rows;
    const uint64_t n = (std::min(row_end, (quarter + 1) * packed_rows) - row) * cols;
    unpack_field(payload + row % packed_rows * cols, static_cast<unsigned>(2 * quarter), n, codes);
    codes += n;
    row = std::min(row_end, (quarter + 1) * packed_rows);
  }
}

void pack_hf_packed(const uint8_t* codes, uint64_t rows, uint64_t cols, uint8_t* payload) noexcept {
  const uint64_t n = rows / 4 * cols;
  pack_fields(codes + 3 * n, codes + 2 * n, codes + n, codes, n, payload);
}

}  // namespace bitnet

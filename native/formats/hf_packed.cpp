// Packed checkpoints of Hugging Face: uint8 [rows/4, cols]; bits 2g, 2g+1 of row i belong to
// weight row g*rows/4 + i. The scale is a tensor of its own.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "formats/format.h"
#include "formats/two_bit.h"

namespace bitnet {
namespace {

/// Calls visit(offset in the payload, shift, weights) for every quarter that the rows touch.
template <typename Visit>
void for_each_quarter(const MatrixShape& shape, uint64_t row_begin, uint64_t n_rows, Visit visit) {
  const uint64_t packed_rows = shape.rows / 4;
  const uint64_t row_end = row_begin + n_rows;
  for (uint64_t row = row_begin; row < row_end;) {
    const uint64_t quarter = row / packed_rows;
    const uint64_t end = std::min(row_end, (quarter + 1) * packed_rows);
    visit(row % packed_rows * shape.cols, static_cast<unsigned>(2 * quarter),
          (end - row) * shape.cols);
    row = end;
  }
}

}  // namespace

void unpack_hf_packed(const uint8_t* payload, const MatrixShape& shape, uint64_t row_begin,
                      uint64_t n_rows, uint8_t* codes) noexcept {
  for_each_quarter(shape, row_begin, n_rows, [&](uint64_t offset, unsigned shift, uint64_t n) {
    unpack_field(payload + offset, shift, n, codes);
    codes += n;
  });
}

void pack_hf_packed(const uint8_t* codes, const MatrixShape& shape, uint64_t row_begin,
                    uint64_t n_rows, uint8_t* payload) noexcept {
  for_each_quarter(shape, row_begin, n_rows, [&](uint64_t offset, unsigned shift, uint64_t n) {
    or_field(codes, shift, n, payload + offset);
    codes += n;
  });
}

}  // namespace bitnet

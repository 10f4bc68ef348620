#pragma once

#include <cstdint>

#include "model/weights.h"

namespace bitnet {

/// Where a matrix's parts go; sized by the functions below.
struct LinearMemory {
  uint8_t* codes;
  float* row_scales;
  uint16_t* group_scales;  ///< null when the encoding has one scale per row or less
};

/// Rows of a matrix in memory, padded for its kernels.
uint64_t padded_rows(const Linear& linear);
size_t codes_bytes(const Linear& linear);
size_t row_scales_bytes(const Linear& linear);
/// For the smallest groups that the encoding may need; 0 when it has one scale per row or less.
size_t group_scales_bytes(const Linear& linear, const TensorSpec& spec);

/// Unpacks a tensor of any encoding and packs it for the kernels of `linear`, whose scales it sets.
///   payload  the tensor's bytes without its tail
///   scale    of encodings that keep it apart
/// Throws Error kModelFormat, kUnsupported (not ternary, scales beyond f16).
void pack_tensor(const TensorSpec& spec, const uint8_t* payload, float scale,
                 const LinearMemory& memory, Linear& linear);

/// Packs whole blocks of rows that are in file order already; rows beyond the last are zero
/// weights.
void pack_file_order(const Linear& linear, const uint8_t* rows, uint64_t row_begin, uint64_t n_rows,
                     uint8_t* codes);

/// Row of the file that holds row `row` of the matrix, see TensorSpec::adjacent_heads.
uint64_t file_row(const TensorSpec& spec, uint64_t row);

}  // namespace bitnet

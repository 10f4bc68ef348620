#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace bitnet {

/// What a reader of logits needs of a row: the `n` largest, and those of the tokens `always`.
/// Any other may be -infinity.
struct Shortlist {
  uint32_t n = 0;
  std::vector<int32_t> always;
};

/// An int8 copy (Q8_0) of an F16 head, with a bound of how far a row's product may be off. It tells
/// which few hundred rows can be among the n largest; only those are computed from the head itself.
/// The result is exactly that of the whole head, for little more than half of its bytes.
///
/// With w = c + e (the head's row, its copy, what the copy lacks) and x = u + f (the input, its two
/// int8 parts, what they lack), w.x = c.u + e.u + w.f, so that by Cauchy and Schwarz
///   |w.x - c.u| <= |e| |u| + |w| |f|,  |u| <= |x| + |f|.
/// The float sums of both products add no more than g |w| |x| each, where g is the number of
/// operations in a row times 2^-24. Norms are rounded up.
struct CoarseHead {
  HeadMatrix matrix = {};        ///< Q8_0 rows
  const float* error = nullptr;  ///< [n] factor of |x| + |f|; null: there is no copy
  const float* norm = nullptr;   ///< [n] factor of |f|
};

/// Whether rows of k weights can be copied.
bool has_coarse_rows(uint32_t k);
/// Bytes of a copied row.
size_t coarse_row_bytes(uint32_t k);
/// Copies n F16 rows of k weights and bounds their errors. Rows that are not finite get an infinite
/// bound.
void copy_coarse_rows(const KernelTable& ops, const uint8_t* rows, uint32_t k, size_t n,
                      uint8_t* copy, float* error, float* norm);

/// One input in the copy's terms: two rows of codes, whose products are to be added.
struct CoarseInput {
  float reach;  ///< |x| + |f|
  float rest;   ///< |f|
};
/// Writes codes [2, q_stride] and scales [2, q_stride / 256] of x [k].
CoarseInput split_coarse_input(const KernelTable& ops, const float* x, uint32_t k, uint8_t* q,
                               float* d, size_t q_stride);

/// Rows [begin, end) of the coarse products of one input.
struct CoarseProducts {
  const CoarseHead& head;
  CoarseInput input;
  const float* high;  ///< [n] NaN where the row is wanted whatever it is
  const float* low;   ///< [n]

  /// The n largest of what rows in [begin, end) surely reach, in any order; fewer if there are
  /// fewer.
  std::vector<float> surely(uint32_t begin, uint32_t end, size_t n) const;
  /// The rows in [begin, end) that may reach `bound` or are wanted anyway.
  std::vector<uint32_t> perhaps(uint32_t begin, uint32_t end, float bound) const;
};

}  // namespace bitnet

#pragma once

#include <utility>

#include "kernels/kernel_table.h"
#include "selftest/support.h"

namespace bitnet::selftest {

inline uint32_t round_up(uint32_t value, uint32_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// The first n rows of codes [.., k] in the layout of some kernels, padded with zero weights as
/// they ask for and with nothing after them.
class PackedMatrix {
 public:
  PackedMatrix(const Bytes& codes, uint32_t n, uint32_t k, float scale,
               const TernaryKernels& kernels)
      : bytes_(in_file_order(codes, n, k, round_up(n, kernels.n_multiple))) {
    view = {nullptr, n, k, round_up(k, kTernaryGroup), scale};
    if (kernels.pack != nullptr) {
      const size_t block = size_t{kernels.n_multiple} * view.k_padded / 4;
      Exact<uint8_t> packed(bytes_.size());
      for (size_t at = 0; at < bytes_.size(); at += block) {
        const Exact<uint8_t> rows(bytes_.data() + at, block);
        kernels.pack(rows.data(), view.k_padded, packed.data() + at);
      }
      bytes_ = std::move(packed);
    }
    view.data = bytes_.data();
  }

  size_t bytes() const { return bytes_.size(); }

  TernaryMatrix view;

 private:
  /// kRows order: see TernaryLayout.
  static Exact<uint8_t> in_file_order(const Bytes& codes, uint32_t n, uint32_t k,
                                      uint32_t n_padded) {
    constexpr uint8_t kZeroWeights = 0x55;
    const size_t row_bytes = round_up(k, kTernaryGroup) / 4;
    Exact<uint8_t> bytes(n_padded * row_bytes, kZeroWeights);
    for (uint32_t r = 0; r < n; r++) {
      for (uint32_t j = 0; j < k; j++) {
        uint8_t& byte = bytes[r * row_bytes + j / 128 * 32 + j % 32];
        const uint32_t shift = 6 - j % 128 / 32 * 2;
        byte = static_cast<uint8_t>((byte & ~(3u << shift)) | uint32_t{codes[size_t{r} * k + j]}
                                                                  << shift);
      }
    }
    return bytes;
  }

  Exact<uint8_t> bytes_;
};

}  // namespace bitnet::selftest

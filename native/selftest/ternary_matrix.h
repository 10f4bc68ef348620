#pragma once

#include <algorithm>
#include <utility>
#include <vector>

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
      : bytes_(in_file_order(codes, n, k, round_up(n, kernels.n_multiple))),
        row_scales_(round_up(n, kScaleRows)),
        group_scales_(0) {
    set_scale(scale);
    view = {nullptr, row_scales_.data(), nullptr, n, k, round_up(k, kTernaryGroup), 0};
    if (kernels.pack != nullptr) {
      const size_t n_blocks = round_up(n, kernels.n_multiple) / kernels.n_multiple;
      const size_t from = ternary_bytes(TernaryLayout::kRows, kernels.n_multiple, view.k_padded);
      const size_t to = ternary_bytes(kernels.layout, kernels.n_multiple, view.k_padded);
      Exact<uint8_t> packed(n_blocks * to);
      for (size_t i = 0; i < n_blocks; i++) {
        const Exact<uint8_t> rows(bytes_.data() + i * from, from);
        kernels.pack(rows.data(), view.k_padded, packed.data() + i * to);
      }
      bytes_ = std::move(packed);
    }
    view.data = bytes_.data();
  }

  size_t bytes() const { return bytes_.size(); }

  /// One scale for all rows.
  void set_scale(float scale) { std::fill_n(row_scales_.data(), row_scales_.size(), scale); }

  void set_row_scales(const Floats& scales) {
    std::copy_n(scales.data(), view.n, row_scales_.data());
  }

  /// f16 scales [n, k_padded / group] in the order of the layout.
  void set_group_scales(const std::vector<uint16_t>& scales, uint32_t group, TernaryLayout layout) {
    const uint32_t per_row = view.k_padded / group;
    const bool blocks = layout != TernaryLayout::kRows;
    group_scales_ =
        Exact<uint16_t>(size_t{blocks ? round_up(view.n, kScaleRows) : view.n} * per_row);
    for (uint32_t r = 0; r < view.n; r++) {
      for (uint32_t i = 0; i < per_row; i++) {
        const size_t at = blocks
                              ? size_t{r / kScaleRows * per_row + i} * kScaleRows + r % kScaleRows
                              : size_t{r} * per_row + i;
        group_scales_[at] = scales[size_t{r} * per_row + i];
      }
    }
    view.group_scales = group_scales_.data();
    view.group = group;
  }

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

  static constexpr uint32_t kScaleRows = 16;
  Exact<uint8_t> bytes_;
  Exact<float> row_scales_;
  Exact<uint16_t> group_scales_;
};

}  // namespace bitnet::selftest

// Products of many activation rows with blocks of 16 weight rows, for targets with AVX512-VNNI.
// Included inside the target's anonymous namespace, after zmm_blocks16-inl.h.
//
// Two blocks (32 rows) are unpacked to one byte per code, [k/4][2][16 rows][4], and multiplied by
// tiles of 8 activation rows packed as [k/4][8][4]: 16 accumulators, both operands read in
// sequence.

constexpr uint32_t kTile = 8;
constexpr uint32_t kPanelBlocks = 2;

/// Writes one block's half of the panel.
using UnpackBlock = void (*)(const uint8_t* block, uint32_t k_padded, uint8_t* panel);

template <uint32_t... i>
inline void multiply_tile(const uint8_t* panel, const int8_t* tile, uint32_t n_steps,
                          __m512i (&sum)[kTile][kPanelBlocks], Indices<i...> /*rows*/) {
  __m512i first[sizeof...(i)] = {(static_cast<void>(i), _mm512_setzero_si512())...};
  __m512i second[sizeof...(i)] = {(static_cast<void>(i), _mm512_setzero_si512())...};
  for (uint32_t step = 0; step < n_steps; ++step, panel += kPanelBlocks * 64, tile += kTile * 4) {
    const __m512i w0 = _mm512_load_si512(panel);
    const __m512i w1 = _mm512_load_si512(panel + 64);
    const auto add_products = [&](__m512i& a, __m512i& b, const int8_t* four) {
      const __m512i q = broadcast_4(four);
      dot4_add(a, w0, q);
      dot4_add(b, w1, q);
    };
    (add_products(first[i], second[i], tile + 4 * i), ...);
  }
  ((sum[i][0] = first[i], sum[i][1] = second[i]), ...);
}

template <TernaryLayout layout, UnpackBlock unpack>
void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride, void* scratch) {
  auto* panel = static_cast<uint8_t*>(scratch);
  const size_t block_bytes = ternary_bytes(layout, kBlockRows, w.k_padded);
  for (uint32_t row = row_begin; row < row_end; row += kPanelBlocks * kBlockRows) {
    const uint8_t* blocks = w.data + row / kBlockRows * block_bytes;
    const bool two_blocks = row + kBlockRows < row_end;
    unpack(blocks, w.k_padded, panel);
    // A missing second block repeats the first; its results are not stored.
    unpack(two_blocks ? blocks + block_bytes : blocks, w.k_padded, panel + 64);
    for (uint32_t tile = 0; tile < x.m; tile += kTile) {
      __m512i sum[kTile][kPanelBlocks];
      const uint32_t n_tokens = x.m - tile < kTile ? x.m - tile : kTile;
      with_indices<kTile>(n_tokens, [&](auto rows_of_tile) {
        multiply_tile(panel, x.packed + size_t{tile} * w.k_padded, w.k_padded / 4, sum,
                      rows_of_tile);
      });
      for (uint32_t i = 0; i < n_tokens; ++i) {
        float* out = y + (tile + i) * y_stride;
        store_rows(sum[i][0], w, x, tile + i, row, rows_left(row, row_end), out);
        if (two_blocks) {
          const uint32_t second = row + kBlockRows;
          store_rows(sum[i][1], w, x, tile + i, second, rows_left(second, row_end), out);
        }
      }
    }
  }
}

/// Of gemm and of multiply_blocks.
inline size_t scratch_bytes(uint32_t k_padded) {
  const size_t panel = size_t{kPanelBlocks} * kBlockRows * k_padded;
  const size_t chunk = blocks_scratch_bytes(k_padded);
  return panel > chunk ? panel : chunk;
}

// gemm over unpacked weights. Included after neon_direct-inl.h; the target defines
//   kStepColumns                    columns that lie side by side in the panel and in a tile
//   unpack_panel(w, row, panel)     16 rows, one trit or code to a byte
//   multiply_tile(panel, tile, k_padded, total)  total[i] = dots with activation row i, as
//                                                multiply_lines leaves them

constexpr uint32_t kTile = 6;
/// With more activation rows than this, unpacking is made up for by fewer operations to a product.
constexpr uint32_t kMostDirect = 8;

static void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                 uint32_t row_end, float* y, size_t y_stride, void* scratch) {
  auto* panel = static_cast<uint8_t*>(scratch);
  for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
    unpack_panel(w, row, panel);
    for (uint32_t tile = 0; tile < x.m; tile += kTile) {
      I32x16 total[kTile];
      multiply_tile(panel, x.packed + size_t{tile} * w.k_padded, w.k_padded, total);
      for (uint32_t i = 0; i < kTile && tile + i < x.m; ++i) {
        store_rows(exact_dots(total[i], x.sum[tile + i]), w, x, tile + i, row, row_end,
                   y + (tile + i) * y_stride);
      }
    }
  }
}

static size_t gemm_scratch_bytes(uint32_t k_padded) { return size_t{kRowLanes} * k_padded; }

const TernaryKernels kQuadsKernels = {TernaryLayout::kQuads16,
                                      kRowLanes,
                                      kMostDirect,
                                      kTile,
                                      pack,
                                      pack_tiles<kTile, kStepColumns>,
                                      multiply_direct,
                                      gemm,
                                      gemm_scratch_bytes,
                                      multiply_blocks,
                                      multiply_grouped<FloatSteps, TernaryLayout::kQuads16>};
const TernaryKernels* const kTernary[] = {&kQuadsKernels, nullptr};

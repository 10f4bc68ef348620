// Products of blocks of 16 weight rows with per-token activations on ymm registers: a lane is a
// row, activations are broadcast. Included inside the target's anonymous namespace, after
// grouped-inl.h, whose vocabulary it uses. The target also defines
//   kDotsSteps   how often BlockDots take codes of up to 2
//   RowDots      one token's sums over a row: add_group(group, q), result()

constexpr uint32_t kBlockRows = 16;
constexpr uint32_t kTile = 6;
/// More activation rows repay codes unpacked to memory.
constexpr uint32_t kDirect = 18;
constexpr uint32_t kPackedBytes = kTernaryGroup / 4 * kBlockRows;  // of a group

inline void pack(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  for (uint32_t g = 0; g < k_padded / kTernaryGroup; ++g, out += kPackedBytes) {
    for (uint32_t half = 0; half < 2; ++half) {
      __m256i v[8];
      for (uint32_t i = 0; i < 8; ++i) {
        v[i] = load_256(rows + size_t{8 * half + i} * (k_padded / 4) + size_t{g} * 32);
      }
      transpose_8x8(v);
      for (uint32_t i = 0; i < 8; ++i) store_256(v[i], out + 64 * i + 32 * half);
    }
  }
}

/// y of up to 16 rows and one token from their dots with codes, which are trits plus one.
inline void store_rows(I32x16 dots, const TernaryMatrix& w, const TernaryInput& x, uint32_t token,
                       uint32_t row, uint32_t row_end, float* y) {
  const __m256i sum = _mm256_set1_epi32(x.sum[token]);
  const F32x16 exact =
      to_f32(I32x16{_mm256_sub_epi32(dots.low, sum), _mm256_sub_epi32(dots.high, sum)});
  const uint32_t n_rows = rows_left(row, row_end);
  if (n_rows == kBlockRows) {
    store(mul(exact, div(load(w.row_scales + row), set1(x.scale[token]))), y + row);
    return;
  }
  // Shares of kRows may end anywhere: the scales' padding need not reach 16 beyond them.
  const F32x16 scales = load_partial(w.row_scales + row, n_rows);
  store_partial(mul(exact, div(scales, set1(x.scale[token]))), y + row, n_rows);
}

inline void gemv_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                   uint32_t row_end, float* y) {
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* group = w.data + size_t{row} * (w.k_padded / 4);
    RowDots dots;
    for (uint32_t k = 0; k < w.k_padded; k += kTernaryGroup, group += kPackedBytes) {
      dots.add_group(group, x.q + k);
    }
    store_rows(dots.result(), w, x, 0, row, row_end, y);
  }
}

/// Dots of a block with a few activation rows: codes are shifted down once and shared.
template <uint32_t... t>
__attribute__((noinline)) void dot_block(const uint8_t* block, const int8_t* q, size_t q_stride,
                                         uint32_t k_padded, I32x16 (&total)[kTile],
                                         Indices<t...> /*rows*/) {
  // Two rows have few sums: with as many again, none waits for itself.
  constexpr bool kTwice = sizeof...(t) <= 2;
  const __m256i mask = _mm256_set1_epi8(3);
  ((total[t] = set1_i32(0)), ...);
  for (uint32_t k = 0; k < k_padded;) {
    const uint32_t left = k_padded - k;
    const uint32_t end = k + (left < 4 * kDotsSteps ? left : 4 * kDotsSteps);
    BlockDots dots[] = {(static_cast<void>(t), start_dots(0))...};
    BlockDots more[] = {(static_cast<void>(t), start_dots(0))...};
    for (; k < end; k += kTernaryGroup, block += kPackedBytes) {
      for (uint32_t i = 0; i < 8; ++i) {
        const __m256i low = load_256(block + 64 * i);
        const __m256i high = load_256(block + 64 * i + 32);
        prefetch(block + 64 * i, kPrefetchBytes);
        const auto add_plane = [&](BlockDots* to, uint32_t plane) {
          const int shift = static_cast<int>(6 - 2 * plane);
          const Codes codes = {_mm256_and_si256(_mm256_srli_epi16(low, shift), mask),
                               _mm256_and_si256(_mm256_srli_epi16(high, shift), mask)};
          const int8_t* four = q + k + 32 * plane + 4 * i;
          (add_codes(to[t], codes, load_four(four + t * q_stride)), ...);
        };
        add_plane(dots, 0);
        add_plane(kTwice ? more : dots, 1);
        add_plane(dots, 2);
        add_plane(kTwice ? more : dots, 3);
      }
    }
    (add_i32(total[t], exact_dots(dots[t])), ...);
    if (kTwice) (add_i32(total[t], exact_dots(more[t])), ...);
  }
}

inline void gemv(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                 uint32_t row_end, float* y, size_t y_stride) {
  if (x.m == 1) return gemv_1(w, x, row_begin, row_end, y);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* block = w.data + size_t{row} * (w.k_padded / 4);
    for (uint32_t token = 0; token < x.m; token += kTile) {
      const int8_t* q = x.q + token * x.q_stride;
      const uint32_t n = x.m - token < kTile ? x.m - token : kTile;
      I32x16 dots[kTile];
      with_indices<kTile>(
          n, [&](auto tile) { dot_block(block, q, x.q_stride, w.k_padded, dots, tile); });
      for (uint32_t t = 0; t < n; ++t) {
        store_rows(dots[t], w, x, token + t, row, row_end, y + (token + t) * y_stride);
      }
    }
  }
}

// gemm: 16 rows are unpacked to one byte per code, [k/4][16 rows][4], and multiplied by tiles of 6
// activation rows packed as [k/4][6][4]: 12 accumulators, 2 codes, 1 broadcast.

/// Dots of the panel with the first rows of a tile of activations. Meanwhile fetches the
/// n_steps * 16 bytes at `next`.
// A call of its own: inlined once per size, g++ keeps the accumulators in memory.
template <uint32_t... i>
__attribute__((noinline)) void multiply_tile(const uint8_t* panel, const int8_t* tile,
                                             uint32_t n_steps, const uint8_t* next,
                                             I32x16 (&total)[kTile], Indices<i...> /*rows*/) {
  ((total[i] = set1_i32(0)), ...);
  while (n_steps > 0) {
    const uint32_t n = n_steps < kDotsSteps ? n_steps : kDotsSteps;
    n_steps -= n;
    for (uint32_t line = 0; line < n * kBlockRows; line += 64) prefetch(next + line, 0);
    next += size_t{n} * kBlockRows;
    BlockDots dots[] = {(static_cast<void>(i), start_dots(0))...};
    for (const uint8_t* end = panel + 64 * size_t{n}; panel != end; panel += 64) {
      const Codes codes = load_codes(panel);
      (add_codes(dots[i], codes, load_four(tile + 4 * i)), ...);
      tile += kTile * 4;
    }
    (add_i32(total[i], exact_dots(dots[i])), ...);
  }
}

template <UnpackGroup unpack>
void gemm(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
          float* y, size_t y_stride, void* scratch) {
  auto* panel = static_cast<uint8_t*>(scratch);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    for (uint32_t g = 0; g < w.k_padded / kTernaryGroup; ++g) {
      unpack(w, row, row_end, g, panel + size_t{g} * kTernaryGroup * kBlockRows);
    }
    const uint8_t* next = w.data + size_t{row + kBlockRows} * (w.k_padded / 4);
    for (uint32_t tile = 0; tile < x.m; tile += kTile) {
      I32x16 total[kTile];
      const uint32_t n_tokens = x.m - tile < kTile ? x.m - tile : kTile;
      with_indices<kTile>(n_tokens, [&](auto rows_of_tile) {
        multiply_tile(panel, x.packed + size_t{tile} * w.k_padded, w.k_padded / 4, next, total,
                      rows_of_tile);
      });
      for (uint32_t i = 0; i < n_tokens; ++i) {
        store_rows(total[i], w, x, tile + i, row, row_end, y + (tile + i) * y_stride);
      }
    }
  }
}

/// Of gemm and of multiply_blocks.
inline size_t scratch_bytes(uint32_t k_padded) {
  const size_t panel = size_t{kBlockRows} * k_padded;
  const size_t chunk = blocks_scratch_bytes(k_padded);
  return panel > chunk ? panel : chunk;
}

const TernaryKernels kBlocksKernels = {TernaryLayout::kBlocks16,
                                       kBlockRows,
                                       kDirect,
                                       kTile,
                                       pack,
                                       pack_tiles<kTile>,
                                       gemv,
                                       gemm<unpack_group>,
                                       scratch_bytes,
                                       multiply_blocks<TernaryLayout::kBlocks16>,
                                       multiply_grouped<FloatSteps, TernaryLayout::kBlocks16>};

// Ternary products with per-block activations, codes in registers; in terms of the target's
// vocabulary. Included inside the target's anonymous namespace, after ternary-inl.h. Lanes are
// rows. A block of 32 columns is eight steps of four, and in kBlocks16 one plane of the eight
// vectors of a group. The target defines
//   kTileTokens                         tokens whose sums fit the registers
//   kInPlaceTokens                      tokens up to which codes are not unpacked to memory
//   masked<plane>(Codes)                of packed bytes: codes of a plane << kPlaneShift[plane]
//   load_four(p)                      four activations, for all rows
//   BlockDots                           sums of 16 rows over a block of columns
//   start_bits(sum), start_dots(bits)   all sums the same; the bits may have lain in memory
//   add_codes(BlockDots&, Codes, four)  adds the products of four codes of each row
//   exact_dots(BlockDots)               the sums as int32 lanes
// Codes in place are not shifted down: the dots of a plane are too large by a power of two, and the
// scales of activations are divided by it. They are f16 numbers, so this is exact.

/// Activations of a tile of tokens and a group of columns, as the loops read them.
template <uint32_t n_tokens>
struct alignas(32) TileGroup {
  int8_t q[n_tokens][kTernaryGroup];
  float scale[kBlocksPerGroup][n_tokens];
  int32_t start[kBlocksPerGroup][n_tokens];  ///< trits are codes less one: bits of -sum(q)

  /// For codes in place or as they are.
  void pack(const TernaryInput& x, uint32_t token, uint32_t n, uint32_t column, bool in_place) {
    const size_t per_row = x.q_stride / kActivationBlock;
    for (uint32_t t = 0; t < n; ++t) {
      __builtin_memcpy(q[t], x.q + (token + t) * x.q_stride + column, kTernaryGroup);
      for (uint32_t b = 0; b < kBlocksPerGroup; ++b) {
        const size_t at = (token + t) * per_row + column / kActivationBlock + b;
        const int32_t factor = in_place ? 1 << kPlaneShift[b] : 1;
        scale[b][t] = x.block_scale[at] / static_cast<float>(factor);
        start[b][t] = start_bits(-x.block_sum[at] * factor);
      }
    }
  }
};
using OneGroup = TileGroup<1>;
using FullGroup = TileGroup<kTileTokens>;

/// Tokens [first, first + n) that share unpacked codes. Their activations stay in the second cache
/// from 16 rows to the next, their sums in the first.
struct Chunk {
  static constexpr uint32_t kTokens = 48;

  const TernaryInput& x;
  uint32_t first;
  uint32_t n;
  FullGroup* packed;  ///< [k_padded / kTernaryGroup][n_tiles]

  uint32_t n_tiles() const { return (n + kTileTokens - 1) / kTileTokens; }
  uint32_t tile_size(uint32_t t) const { return n - t < kTileTokens ? n - t : kTileTokens; }
  void pack(uint32_t k_padded, bool in_place) const {
    FullGroup* to = packed;
    for (uint32_t column = 0; column < k_padded; column += kTernaryGroup) {
      for (uint32_t t = 0; t < n; t += kTileTokens, ++to) {
        to->pack(x, first + t, tile_size(t), column, in_place);
      }
    }
  }
};

/// 16 rows of a matrix.
template <TernaryLayout layout>
struct Rows16 {
  const TernaryMatrix& w;
  uint32_t row;
  uint32_t row_end;

  /// Of kBlocks16.
  const uint8_t* group(uint32_t column) const {
    return w.data + size_t{row} * (w.k_padded / 4) + size_t{column / kTernaryGroup} * 512;
  }
  F32x16 group_scale(uint32_t i) const { return group_scale_lanes(w, layout, row, row_end, i); }
  void store_sum(F32x16 sum, float* y) const {
    const uint32_t n_rows = rows_left(row, row_end);
    if (n_rows == kRowLanes) {
      store(mul(sum, load(w.row_scales + row)), y + row);
    } else {
      store_partial(mul(sum, load_partial(w.row_scales + row, n_rows)), y + row, n_rows);
    }
  }
};

/// The scaled groups of weights within 128 columns. `sum` is that of the groups before, or, in a
/// matrix without, of the blocks before; `part` that of a group's blocks so far.
struct GroupScales {
  bool none, two;
  F32x16 first = zero();
  F32x16 last = zero();

  template <TernaryLayout layout>
  GroupScales(const Rows16<layout>& rows, uint32_t column)
      : none(rows.w.group == 0), two(rows.w.group == kTernaryGroup / 2) {
    if (none) return;
    const uint32_t i = column / kTernaryGroup << (two ? 1 : 0);
    if (two) first = rows.group_scale(i);
    last = rows.group_scale(two ? i + 1 : i);
  }
  F32x16 begin(F32x16 sum) const { return none ? sum : zero(); }
  void middle(F32x16& part, F32x16& sum) const {
    if (!two) return;
    sum = fma(part, first, sum);
    part = zero();
  }
  void end(F32x16 part, F32x16& sum) const { sum = none ? part : fma(part, last, sum); }
};

inline void add_dots(F32x16& part, I32x16 dots, float scale) {
  part = fma(to_f32(dots), set1(scale), part);
}

/// The codes of a group where they lie in kBlocks16.
struct PackedCodes {
  const uint8_t* group;
  template <uint32_t plane>
  inline Codes at(uint32_t step) const {
    if (plane == 0) prefetch(group + 64 * step, kPrefetchBytes);
    return masked<plane>(load_codes(group + 64 * step));
  }
};

/// The codes of a group as unpack_group leaves them.
struct UnpackedCodes {
  const uint8_t* codes;
  template <uint32_t plane>
  inline Codes at(uint32_t step) const {
    return load_codes(codes + (kStepsPerBlock * plane + step) * kRowLanes * 4);
  }
};

template <uint32_t plane, class Source, uint32_t... t>
inline __attribute__((always_inline)) void add_block(Source codes, const FullGroup& x,
                                                     F32x16 (&part)[kTileTokens],
                                                     Indices<t...> /*tokens*/) {
  // g++ would keep the packed codes for the next plane, on the stack.
  __asm__ volatile("" : : : "memory");
  BlockDots dots[] = {start_dots(x.start[plane][t])...};
  for (uint32_t step = 0; step < kStepsPerBlock; ++step) {
    const Codes four = codes.template at<plane>(step);
    (add_codes(dots[t], four, load_four(x.q[t] + kActivationBlock * plane + 4 * step)), ...);
  }
  (add_dots(part[t], exact_dots(dots[t]), x.scale[plane][t]), ...);
}

/// Four blocks. A call of its own: inlined once per size, g++ keeps the dots in memory.
template <class Source, uint32_t... t>
__attribute__((noinline)) void add_group(Source codes, const FullGroup& x,
                                         const GroupScales& scales, F32x16* sums,
                                         Indices<t...> tokens) {
  F32x16 part[kTileTokens];
  ((part[t] = scales.begin(sums[t])), ...);
  add_block<0>(codes, x, part, tokens);
  add_block<1>(codes, x, part, tokens);
  (scales.middle(part[t], sums[t]), ...);
  add_block<2>(codes, x, part, tokens);
  add_block<3>(codes, x, part, tokens);
  (scales.end(part[t], sums[t]), ...);
}

/// A group and all tokens of a chunk.
template <class Source, TernaryLayout layout>
inline void add_tiles(Source codes, const Chunk& chunk, const Rows16<layout>& rows, uint32_t column,
                      F32x16* sums) {
  const GroupScales scales(rows, column);
  const FullGroup* x = chunk.packed + column / kTernaryGroup * chunk.n_tiles();
  for (uint32_t t = 0; t < chunk.n; t += kTileTokens, ++x) {
    with_indices<kTileTokens>(chunk.tile_size(t),
                              [&](auto tokens) { add_group(codes, *x, scales, sums + t, tokens); });
  }
}

template <UnpackGroup unpack, TernaryLayout layout>
inline void multiply_chunk(const Rows16<layout>& rows, const Chunk& chunk, bool in_place, float* y,
                           size_t y_stride) {
  F32x16 sums[Chunk::kTokens];
  for (uint32_t t = 0; t < chunk.n; ++t) sums[t] = zero();
  for (uint32_t column = 0; column < rows.w.k_padded; column += kTernaryGroup) {
    if (in_place) {
      add_tiles(PackedCodes{rows.group(column)}, chunk, rows, column, sums);
      continue;
    }
    alignas(64) uint8_t codes[kGroupSteps * kRowLanes * 4];
    unpack(rows.w, rows.row, rows.row_end, column / kTernaryGroup, codes);
    add_tiles(UnpackedCodes{codes}, chunk, rows, column, sums);
  }
  for (uint32_t t = 0; t < chunk.n; ++t) rows.store_sum(sums[t], y + (chunk.first + t) * y_stride);
}

/// One token and a group of kBlocks16: all planes of a vector while it is in a register.
// Four variables: g++ keeps an array in memory.
inline void add_planes(const uint8_t* group, const int8_t* q, BlockDots& dots0, BlockDots& dots1,
                       BlockDots& dots2, BlockDots& dots3) {
#pragma GCC unroll 8
  for (uint32_t step = 0; step < kStepsPerBlock; ++step) {
    const Codes v = load_codes(group + 64 * step);
    prefetch(group + 64 * step, kPrefetchBytes);
    add_codes(dots0, masked<0>(v), load_four(q + 4 * step));
    add_codes(dots1, masked<1>(v), load_four(q + 32 + 4 * step));
    add_codes(dots2, masked<2>(v), load_four(q + 64 + 4 * step));
    add_codes(dots3, masked<3>(v), load_four(q + 96 + 4 * step));
  }
}

inline void multiply_one(const Rows16<TernaryLayout::kBlocks16>& rows, const OneGroup* x,
                         float* y) {
  F32x16 sum = zero();
  for (uint32_t column = 0; column < rows.w.k_padded; column += kTernaryGroup, ++x) {
    BlockDots dots0 = start_dots(x->start[0][0]);
    BlockDots dots1 = start_dots(x->start[1][0]);
    BlockDots dots2 = start_dots(x->start[2][0]);
    BlockDots dots3 = start_dots(x->start[3][0]);
    add_planes(rows.group(column), x->q[0], dots0, dots1, dots2, dots3);
    const GroupScales groups(rows, column);
    F32x16 part = groups.begin(sum);
    add_dots(part, exact_dots(dots0), x->scale[0][0]);
    add_dots(part, exact_dots(dots1), x->scale[1][0]);
    groups.middle(part, sum);
    add_dots(part, exact_dots(dots2), x->scale[2][0]);
    add_dots(part, exact_dots(dots3), x->scale[3][0]);
    groups.end(part, sum);
  }
  rows.store_sum(sum, y);
}

inline void multiply_one_token(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                               uint32_t row_end, float* y, OneGroup* packed) {
  for (uint32_t column = 0; column < w.k_padded; column += kTernaryGroup) {
    packed[column / kTernaryGroup].pack(x, 0, 1, column, /*in_place=*/true);
  }
  for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
    multiply_one({w, row, row_end}, packed, y);
  }
}

/// The `multiply_blocks` of TernaryKernels.
template <TernaryLayout layout, UnpackGroup unpack = unpack_group>
void multiply_blocks(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                     uint32_t row_end, float* y, size_t y_stride, void* scratch) {
  const bool in_place = layout == TernaryLayout::kBlocks16 && x.m <= kInPlaceTokens;
  if (in_place && x.m == 1) {
    return multiply_one_token(w, x, row_begin, row_end, y, static_cast<OneGroup*>(scratch));
  }
  for (uint32_t token = 0; token < x.m; token += Chunk::kTokens) {
    const uint32_t n = x.m - token < Chunk::kTokens ? x.m - token : Chunk::kTokens;
    const Chunk chunk = {x, token, n, static_cast<FullGroup*>(scratch)};
    chunk.pack(w.k_padded, in_place);
    for (uint32_t row = row_begin; row < row_end; row += kRowLanes) {
      const Rows16<layout> rows = {w, row, row_end};
      multiply_chunk<unpack>(rows, chunk, in_place, y, y_stride);
    }
  }
}

/// The scratch that multiply_blocks needs.
inline size_t blocks_scratch_bytes(uint32_t k_padded) {
  constexpr size_t kTiles = (Chunk::kTokens + kTileTokens - 1) / kTileTokens;
  return k_padded / kTernaryGroup * kTiles * sizeof(FullGroup);
}

// Attention over bf16 keys and values by bf16 tiles, to the bit as in attention-inl.h. Included
// inside the target's anonymous namespace, after it and amx-inl.h.
//
// Chunk by chunk of 64 positions, all rows of the task take three passes: scores, probabilities,
// outputs. So what one pass stores has long reached the cache when the next one loads it as tiles,
// which do not forward from the store buffer. Keys and values lie in the cache as tiles: 16
// positions (dimensions) times 32 dimensions (positions). Tiles take whole chunks, so they multiply
// positions that nobody sees by 0; the cache holds finite values only.

/// Fewer rows (of 16 in a tile) are left to the vector units.
constexpr uint32_t kFewestTileRows = 8;
constexpr uint32_t kTilePairs = kTileRowBytes / sizeof(uint16_t);  // bf16 elements in a tile's row

/// First operand: bf16 elements row by row.
struct RowOperand {
  const void* data;
  size_t stride_bytes;
};
/// Second operand: tiles of 32 elements of the sum one behind the other, for 16 results each.
struct ColumnOperand {
  const void* data;
  size_t stride_bytes;  ///< from 16 results to the next
};

inline const uint8_t* bytes_of(const void* p) { return static_cast<const uint8_t*>(p); }

/// c[16 or 32 rows][32 floats] (+)= a . b over n_units times 32 elements.
template <bool two_tiles, bool from_zero>
inline void multiply_bf16(Tiles& tiles, RowOperand a, ColumnOperand b, uint32_t n_units, float* c,
                          size_t c_stride) {
  const size_t c_bytes = c_stride * sizeof(float);
  float* lower_c = c + kTileRows * c_stride;
  if constexpr (from_zero) {
    tiles.zero<0>();
    tiles.zero<1>();
  } else {
    tiles.load<0>(c, c_bytes);
    tiles.load<1>(c + kLanes, c_bytes);
  }
  if constexpr (two_tiles && from_zero) {
    tiles.zero<2>();
    tiles.zero<3>();
  } else if constexpr (two_tiles) {
    tiles.load<2>(lower_c, c_bytes);
    tiles.load<3>(lower_c + kLanes, c_bytes);
  }
  for (uint32_t unit = 0; unit < n_units; ++unit) {
    const uint8_t* rows = bytes_of(a.data) + unit * kTileRowBytes;
    const uint8_t* columns = bytes_of(b.data) + size_t{unit} * kTileBytes;
    tiles.load<6>(columns, kTileRowBytes);
    tiles.load<7>(columns + b.stride_bytes, kTileRowBytes);
    tiles.load<4>(rows, a.stride_bytes);
    tiles.add_dots_bf16<0, 4, 6>();
    tiles.add_dots_bf16<1, 4, 7>();
    if constexpr (two_tiles) {
      tiles.load<5>(rows + kTileRows * a.stride_bytes, a.stride_bytes);
      tiles.add_dots_bf16<2, 5, 6>();
      tiles.add_dots_bf16<3, 5, 7>();
    }
  }
  tiles.store<0>(c, c_bytes);
  tiles.store<1>(c + kLanes, c_bytes);
  if constexpr (two_tiles) {
    tiles.store<2>(lower_c, c_bytes);
    tiles.store<3>(lower_c + kLanes, c_bytes);
  }
}

/// The same for all rows from `begin` (a multiple of 16) to `end`, and n_pairs times 32 columns.
template <bool from_zero>
inline void multiply_bf16_rows(Tiles& tiles, uint32_t begin, uint32_t end, RowOperand a,
                               ColumnOperand b, uint32_t n_units, float* c, size_t c_stride,
                               uint32_t n_pairs) {
  for (uint32_t row = begin; row < end; row += 2 * kTileRows) {
    const RowOperand rows = {bytes_of(a.data) + row * a.stride_bytes, a.stride_bytes};
    for (uint32_t pair = 0; pair < n_pairs; ++pair) {
      const ColumnOperand columns = {bytes_of(b.data) + 2 * pair * b.stride_bytes, b.stride_bytes};
      float* to = c + row * c_stride + size_t{pair} * 2 * kLanes;
      if (end - row > kTileRows) {
        multiply_bf16<true, from_zero>(tiles, rows, columns, n_units, to, c_stride);
      } else {
        multiply_bf16<false, from_zero>(tiles, rows, columns, n_units, to, c_stride);
      }
    }
  }
}

/// 32 floats that are bf16 values already; `to` may be `from`.
inline void store_bf16(const float* from, void* to) {
  const __m512i low = _mm512_srli_epi32(load_512(from), 16);
  const __m512i high = _mm512_srli_epi32(load_512(from + kLanes), 16);
  const __m256i halves[2] = {_mm512_cvtepi32_epi16(low), _mm512_cvtepi32_epi16(high)};
  __builtin_memcpy(to, halves, sizeof halves);
}

/// The probabilities of a row as bf16, at its start.
inline void store_probabilities(float* p) {
  for (uint32_t j = 0; j < kKvChunk; j += kTilePairs) {
    store_bf16(p + j, reinterpret_cast<uint16_t*>(p) + j);
  }
}

void attend_by_tiles(const AttentionArgs& args) {
  const uint32_t n_rows = args.n_tokens * args.group;
  const uint32_t dims = args.head_dim;
  if (n_rows < kFewestTileRows || dims % kTilePairs != 0) return attend<KvBF16>(args);
  const uint32_t end = (n_rows + kTileRows - 1) / kTileRows * kTileRows;
  const AttentionState state(args.scratch, end, dims);
  auto* queries = reinterpret_cast<uint16_t*>(state.queries);
  for (uint32_t r = 0; r < end; ++r) {
    const RowState row = state.row(r);
    if (r < n_rows) {
      scale_query<KvBF16>(args, r, dims, row.output);
      for (uint32_t d = 0; d < dims; d += kTilePairs) {
        store_bf16(row.output + d, queries + size_t{r} * dims + d);
      }
    } else {
      __builtin_memset(queries + size_t{r} * dims, 0, dims * sizeof(uint16_t));
    }
    start_row(row, dims);
  }

  const RowOperand query_rows = {queries, dims * sizeof(uint16_t)};
  const RowOperand probability_rows = {state.probabilities, kKvChunk * sizeof(float)};
  Tiles tiles(tile_config(kTileRows, kTileRows));
  const uint32_t n_positions = args.first_pos + args.n_tokens;
  for (uint32_t chunk_pos = 0; chunk_pos < n_positions; chunk_pos += kKvChunk) {
    const uint8_t* chunk = args.chunks[chunk_pos / kKvChunk];
    const ColumnOperand keys = {chunk + args.k_offset, size_t{dims} * kLanes * sizeof(uint16_t)};
    const ColumnOperand values = {chunk + args.v_offset, kKvChunk * kLanes * sizeof(uint16_t)};
    // Tiles of rows that see nothing of the chunk are left out; so is its second half where the
    // last row, which sees the most, does not reach it.
    const uint32_t first_token = chunk_pos > args.first_pos ? chunk_pos - args.first_pos : 0;
    const uint32_t begin = first_token * args.group / kTileRows * kTileRows;
    const uint32_t n_halves = visible_in_chunk(args, n_rows - 1, chunk_pos) > kKvChunk / 2 ? 2 : 1;
    multiply_bf16_rows<true>(tiles, begin, end, query_rows, keys, dims / kTilePairs,
                             state.probabilities, kKvChunk, n_halves);
    for (uint32_t r = begin; r < end; ++r) {
      const RowState row = state.row(r);
      const uint32_t n_visible = r < n_rows ? visible_in_chunk(args, r, chunk_pos) : 0;
      if (n_visible > 0) {
        softmax_chunk<KvBF16>(row, n_visible, dims);
        store_probabilities(row.probabilities);
      } else {
        __builtin_memset(row.probabilities, 0, kKvChunk * sizeof(uint16_t));
      }
    }
    multiply_bf16_rows<false>(tiles, begin, end, probability_rows, values, n_halves, state.outputs,
                              dims, dims / kTilePairs);
  }

  for (uint32_t r = 0; r < n_rows; ++r) finish_row(args, r, state.row(r));
}

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

/// Turns the scores of a chunk into operands of the second product. Rows [begin, first) and those
/// after the last see nothing of the chunk.
void weigh_rows(const AttentionCall& call, uint32_t i_chunk, uint32_t begin, uint32_t end) {
  const auto see_nothing = [&](uint32_t r) {
    __builtin_memset(call.operands + r * kKvChunk, 0, kKvChunk * sizeof(uint16_t));
  };
  uint32_t row = begin;
  for_rows_of(call, i_chunk, 0, [&](const AttentionStep& step) {
    for (; row < step.row; ++row) see_nothing(row);
    float* p = call.operands + row * kKvChunk;
    float maxima[kAttentionRows];
    softmax_rows(call, step, p, kKvChunk, maxima);
    for (uint32_t r = 0; r < step.n_rows; ++r, ++row, p += kKvChunk) {
      take_weights<KvBF16>(call.row(row), p, maxima[r], call.n_dims(), p);
      store_probabilities(p);
    }
  });
  for (; row < end; ++row) see_nothing(row);
}

void attend_by_tiles(const AttentionArgs& args) {
  const AttentionCall call(args, 0, kv_padded_head_dim(args.head_dim) / kLanes);
  const uint32_t dims = args.head_dim;
  if (call.n_rows < kFewestTileRows || dims % kTilePairs != 0) {
    return attend<FloatKv<KvBF16>>(args);
  }
  FloatKv<KvBF16>::prepare(call);
  const auto end = static_cast<uint32_t>(attention_scratch_rows(call.n_rows));
  for (uint32_t r = 0; r < end; ++r) {
    float* query = call.query(r);
    for (uint32_t d = 0; r >= call.n_rows && d < dims; d += kLanes) store(zero(), query + d);
    for (uint32_t d = 0; d < dims; d += kTilePairs) {
      store_bf16(query + d, reinterpret_cast<uint16_t*>(query) + d);
    }
  }
  start_rows(call, end);

  const RowOperand queries = {call.queries, dims * sizeof(float)};
  const RowOperand probabilities = {call.operands, kKvChunk * sizeof(float)};
  Tiles tiles(tile_config(kTileRows, kTileRows));
  for (uint32_t c = 0; c < call.n_chunks(); ++c) {
    const uint8_t* chunk = args.chunks[c];
    const ColumnOperand keys = {chunk + args.k_offset, size_t{dims} * kLanes * sizeof(uint16_t)};
    const ColumnOperand values = {chunk + args.v_offset, kKvChunk * kLanes * sizeof(uint16_t)};
    // Tiles of rows that see nothing of the chunk are left out; so is its second half where the
    // last row, which sees the most, does not reach it.
    const uint32_t begin = first_row_of(call, c) / kTileRows * kTileRows;
    const uint32_t n_halves = call.n_positions - c * kKvChunk > kKvChunk / 2 ? 2 : 1;
    multiply_bf16_rows<true>(tiles, begin, end, queries, keys, dims / kTilePairs, call.operands,
                             kKvChunk, n_halves);
    weigh_rows(call, c, begin, end);
    multiply_bf16_rows<false>(tiles, begin, end, probabilities, values, n_halves, call.outputs,
                              dims, dims / kTilePairs);
  }
  finish_rows(call);
}

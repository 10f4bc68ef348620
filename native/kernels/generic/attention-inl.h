// Attention of one target, whatever the type of the KV cache: chunks, softmax, running sums, and
// the order in which a call walks over rows and positions. Included inside the target's anonymous
// namespace, after lanes-inl.h. The target defines kAttentionRows x kAttentionBlocks, the register
// tile of the two products.
//
// A type's arithmetic follows in attention_float-inl.h and attention_int8-inl.h, as a struct Kv:
//   prepare(at)             the first operands of the scores, in at.queries
//   weigh(at, step, record) weights of a few rows for a chunk, one record of kRecordFloats a row
//   mix(at, step, record)   adds what a chunk gives to the rows' outputs
//
// Order of operations, the same on every target and for any batch split or thread count:
//   score    s_j in base-2 logarithmic units, in an order of the type's own
//   chunk    64 positions from an absolute multiple of 64: m = ceil(max s_j), an integer;
//            p_j = 2^(s_j - m), 0 below 2^-kMinExponent
//   running  M' = max(M, m); sums and output times 2^(M - M'), p_j times 2^(m - M'): powers of two,
//            so rescaling is exact
//   sum      16 lanes (j mod 16), folded 8, 4, 2, 1 at the end
//   output   added to from chunk to chunk, in an order of the type's own
// Lanes are positions in the scores and dimensions in the output, so that no sum crosses lanes.

template <uint32_t i>
struct Index {
  static constexpr uint32_t value = i;
};

/// fn(Index<0>()), ..., fn(Index<n - 1>()): arrays of registers need constant indices from the
/// start, or the compiler leaves them in memory.
template <uint32_t n, class Fn>
static inline void unroll(const Fn& fn) {
  if constexpr (n > 0) {
    unroll<n - 1>(fn);
    fn(Index<n - 1>());
  }
}
/// fn(r, n) for rows x blocks.
template <uint32_t rows, uint32_t blocks, class Fn>
static inline void unroll(const Fn& fn) {
  unroll<rows>([&](auto r) { unroll<blocks>([&](auto n) { fn(r, n); }); });
}

/// Contributions below 2^-60 of the largest are dropped; far from where floats become subnormal.
constexpr float kMinExponent = 60.0f;
constexpr float kNoMaximum = -1e30f;

/// What one row has summed up so far.
struct RowSums {
  float* output;   ///< [dimensions at hand]
  float* sums;     ///< [16]
  float* maximum;  ///< M, an integer
};

/// One call at work: its arguments and the scratch memory, each part [rows, ...].
struct AttentionCall {
  /// The call computes lanes [lane, lane + n_lanes) of the output.
  AttentionCall(const AttentionArgs& a, uint32_t first_lane, uint32_t lanes)
      : args(a),
        n_rows(a.n_tokens * a.group),
        n_positions(a.first_pos + a.n_tokens),
        query_dims(kv_padded_head_dim(a.head_dim)),
        lane(first_lane),
        n_lanes(lanes) {
    const size_t rows = attention_scratch_rows(n_rows);
    queries = a.scratch;
    outputs = queries + rows * query_dims;
    records = outputs + rows * query_dims;
    operands = records + rows * kWeightFloats;
    sums = operands + rows * kKvChunk;
    maxima = sums + rows * kLanes;
  }

  uint32_t n_chunks() const { return (n_positions + kKvChunk - 1) / kKvChunk; }
  uint32_t n_dims() const { return n_lanes * kLanes; }
  float* query(uint32_t r) const { return queries + size_t{r} * query_dims; }
  RowSums row(uint32_t r) const {
    return {outputs + size_t{r} * n_dims(), sums + size_t{r} * kLanes, maxima + r};
  }
  size_t at(uint32_t r) const {
    return r / args.group * args.stride + size_t{r % args.group} * args.head_dim;
  }

  const AttentionArgs& args;
  uint32_t n_rows, n_positions, query_dims, lane, n_lanes;
  float* queries;   ///< [query_dims]
  float* outputs;   ///< [n_dims]
  float* records;   ///< [kWeightFloats]
  float* operands;  ///< [64]
  float* sums;      ///< [16]
  float* maxima;
};

/// Some rows and one chunk.
struct AttentionStep {
  uint32_t row;
  uint32_t n_rows;
  uint32_t chunk_pos;
  const uint8_t* chunk;
  const uint8_t* next;  ///< the chunk to fetch meanwhile; null: none

  /// Positions of the chunk that row r sees; rows after it see as many or more.
  uint32_t visible(const AttentionCall& call, uint32_t r) const {
    const uint32_t seen = call.args.first_pos + r / call.args.group + 1 - chunk_pos;
    return seen < kKvChunk ? seen : kKvChunk;
  }
  uint32_t most_visible(const AttentionCall& call) const { return visible(call, row + n_rows - 1); }
};

/// 2^difference for an integral difference <= 0, or 0 when it no longer matters.
static inline F32x16 rescale_factor(float difference) {
  return difference < -kMinExponent ? zero() : pow2(set1(difference));
}

/// Turns each row's scores of a chunk, of which those that it sees count, into probabilities
/// relative to 2^m, and writes m. Row by row every step would wait for the one before.
static inline void softmax_rows(const AttentionCall& call, const AttentionStep& step, float* scores,
                                size_t stride, float (&maxima)[kAttentionRows]) {
  for (uint32_t r = 0; r < step.n_rows; ++r) {
    float* p = scores + r * stride;
    for (uint32_t j = step.visible(call, step.row + r); j < kKvChunk; ++j) p[j] = kNoMaximum;
    F32x16 top = load(p);
    for (uint32_t j = kLanes; j < kKvChunk; j += kLanes) top = max(top, load(p + j));
    maxima[r] = ceil_f32(max_lane(top));
  }
  const F32x16 lowest = set1(-kMinExponent);
  for (uint32_t j = 0; j < kKvChunk; j += kLanes) {
    for (uint32_t r = 0; r < step.n_rows; ++r) {
      float* p = scores + r * stride + j;
      const F32x16 x = sub(load(p), set1(maxima[r]));
      store(zero_below(x, lowest, exp2(max(x, lowest))), p);
    }
  }
}

/// An output that is summed up in tiles, as it goes on after a rescaling.
static inline F32x16 normal_output(F32x16 x) { return zero_below(abs(x), set1(0x1p-100f), x); }

/// Rescales what was summed so that a chunk with this maximum can be added; returns its factor.
template <bool by_tiles>
static inline F32x16 raise_maximum(const RowSums& row, float chunk_max, uint32_t n_dims) {
  const float before = *row.maximum;
  const float after = before > chunk_max ? before : chunk_max;
  if (before != after) {
    const F32x16 factor = rescale_factor(before - after);
    store(mul(load(row.sums), factor), row.sums);
    for (uint32_t d = 0; d < n_dims; d += kLanes) {
      const F32x16 rescaled = mul(load(row.output + d), factor);
      store(by_tiles ? normal_output(rescaled) : rescaled, row.output + d);
    }
    *row.maximum = after;
  }
  return rescale_factor(chunk_max - after);
}

static inline void start_rows(const AttentionCall& call, uint32_t n_rows) {
  for (uint32_t r = 0; r < n_rows; ++r) {
    const RowSums row = call.row(r);
    for (uint32_t d = 0; d < call.n_dims(); d += kLanes) store(zero(), row.output + d);
    store(zero(), row.sums);
    *row.maximum = kNoMaximum;
  }
}

static inline void finish_rows(const AttentionCall& call) {
  const uint32_t first = call.lane * kLanes;
  for (uint32_t r = 0; r < call.n_rows; ++r) {
    const RowSums row = call.row(r);
    float* out = call.args.out + call.at(r);
    const float inverse = 1.0f / fold_sum(load(row.sums));
    for (uint32_t d = 0; d < call.n_dims() && first + d < call.args.head_dim; ++d) {
      out[first + d] = row.output[d] * inverse;
    }
  }
}

/// The first row that sees something of a chunk; all after it do.
static inline uint32_t first_row_of(const AttentionCall& call, uint32_t i_chunk) {
  const uint32_t pos = i_chunk * kKvChunk;
  return pos > call.args.first_pos ? (pos - call.args.first_pos) * call.args.group : 0;
}

/// Calls fn(step) for all rows that see something of a chunk, kAttentionRows at a time. The first
/// rows bring in the next chunk up to `chunk_end`, the others find everything in the caches.
template <class Fn>
static inline void for_rows_of(const AttentionCall& call, uint32_t i_chunk, uint32_t chunk_end,
                               Fn&& fn) {
  const uint8_t* const* chunk = call.args.chunks + i_chunk;
  const uint32_t first_row = first_row_of(call, i_chunk);
  for (uint32_t row = first_row; row < call.n_rows; row += kAttentionRows) {
    const uint32_t left = call.n_rows - row;
    const bool fetch = row == first_row && i_chunk + 1 < chunk_end;
    fn(AttentionStep{row, left < kAttentionRows ? left : kAttentionRows, i_chunk * kKvChunk,
                     chunk[0], fetch ? chunk[1] : nullptr});
  }
}

template <class Kv>
static void attend(const AttentionArgs& args) {
  const AttentionCall call(args, 0, kv_padded_head_dim(args.head_dim) / kLanes);
  Kv::prepare(call);
  start_rows(call, call.n_rows);
  for (uint32_t c = 0; c < call.n_chunks(); ++c) {
    for_rows_of(call, c, call.n_chunks(), [&](const AttentionStep& step) {
      Kv::weigh(call, step, call.records);
      Kv::mix(call, step, call.records);
    });
  }
  finish_rows(call);
}

template <class Kv>
static void weigh(const AttentionArgs& args, uint32_t chunk_begin, uint32_t chunk_end,
                  float* weights) {
  const AttentionCall call(args, 0, 0);
  Kv::prepare(call);
  for (uint32_t c = chunk_begin; c < chunk_end; ++c) {
    for_rows_of(call, c, chunk_end, [&](const AttentionStep& step) {
      Kv::weigh(call, step, weights + (size_t{c} * call.n_rows + step.row) * Kv::kRecordFloats);
    });
  }
}

template <class Kv>
static void mix(const AttentionArgs& args, uint32_t lane_begin, uint32_t lane_end,
                const float* weights) {
  const AttentionCall call(args, lane_begin, lane_end - lane_begin);
  start_rows(call, call.n_rows);
  for (uint32_t c = 0; c < call.n_chunks(); ++c) {
    for_rows_of(call, c, call.n_chunks(), [&](const AttentionStep& step) {
      Kv::mix(call, step, weights + (size_t{c} * call.n_rows + step.row) * Kv::kRecordFloats);
    });
  }
  finish_rows(call);
}

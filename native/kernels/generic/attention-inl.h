// Attention of one target, in terms of its F32x16 vocabulary. Included inside the target's
// anonymous namespace, after lanes-inl.h. The target defines kAttentionRows and
// kAttentionBlocks, the register tile of the two products, and kPairedRows, that of BF16.
//
// Order of operations, the same on every target and for any batch split or thread count:
//   score    s_j = one chain of fused multiply-adds over the dimensions, base-2 logarithmic units
//   chunk    64 positions from an absolute multiple of 64: m = ceil(max s_j), an integer;
//            p_j = 2^(s_j - m), 0 below 2^-kMinExponent
//   running  M' = max(M, m); sums and output times 2^(M - M'), p_j times 2^(m - M'): powers of two,
//            so rescaling is exact
//   sum      16 lanes (j mod 16), folded 8, 4, 2, 1 at the end
//   output   one chain of fused multiply-adds over the positions
// BF16 caches add as the AMX tile product does, so that it can take over without changing a bit: q,
// keys, values and probabilities are rounded to bf16 (below 2^-50 to 0, since tiles flush), and a
// chain is taken in units of 32: sum += (chain of the even elements) + (chain of the odd ones),
// both from 0. Operands being 0 or at least 2^-50, products are multiples of 2^-114; outputs that a
// rescaling takes below 2^-100 become 0, those above remain multiples of 2^-123: no sum is ever
// subnormal, which tiles would flush. Lanes are positions in the first product and dimensions in
// the second, so that no sum ever crosses lanes. A row whose probability is 0 adds 0 * v to its
// chain, which changes no bit.

/// Contributions below 2^-60 of the largest are dropped; far from where floats become subnormal.
constexpr float kMinExponent = 60.0f;
constexpr float kNoMaximum = -1e30f;

struct KvF32 {
  using Elem = float;
  static constexpr uint32_t kGroup = 1;  // neighbours that lie side by side in a lane
  static inline F32x16 load_lanes(const Elem* p) { return load(p); }
  static inline void store_one(float value, Elem* p) { *p = value; }
};

struct KvF16 {
  using Elem = uint16_t;
  static constexpr uint32_t kGroup = 1;
  static inline F32x16 load_lanes(const Elem* p) { return load_f16(p); }
  static inline void store_one(float value, Elem* p) { *p = f32_to_f16(value); }
};

/// Rounded to bf16, and to 0 where AMX would take it for 0.
static inline F32x16 bf16_operand(F32x16 x) {
  return round_bf16(zero_below(abs(x), set1(0x1p-50f), x));
}

struct KvBF16 {
  using Elem = uint16_t;
  static constexpr uint32_t kGroup = 2;
  /// Infinity as the largest number, so that a reused chunk is finite: tiles multiply what is left
  /// in it by 0.
  static inline void store_one(float value, Elem* p) {
    constexpr float kLargest = 0x1.fep127f;
    const F32x16 finite = min(max(bf16_operand(set1(value)), set1(-kLargest)), set1(kLargest));
    alignas(64) float lanes[kLanes];
    store(finite, lanes);
    uint32_t bits;
    __builtin_memcpy(&bits, lanes, sizeof bits);
    *p = static_cast<Elem>(bits >> 16);
  }
};

template <class Kv>
static void kv_store(const float* k, const float* v, uint32_t head_dim, uint32_t pos_in_chunk,
                     uint8_t* k_chunk, uint8_t* v_chunk) {
  auto* keys = reinterpret_cast<typename Kv::Elem*>(k_chunk);
  auto* values = reinterpret_cast<typename Kv::Elem*>(v_chunk);
  constexpr uint32_t g = Kv::kGroup;
  const uint32_t lane = pos_in_chunk % kKvLane;
  keys += size_t{pos_in_chunk / kKvLane} * head_dim * kKvLane;
  values += size_t{pos_in_chunk / g} * g * kKvLane + pos_in_chunk % g;
  for (uint32_t d = 0; d < head_dim; ++d) {
    Kv::store_one(k[d], keys + size_t{d / g} * g * kKvLane + lane * g + d % g);
    Kv::store_one(v[d], values + size_t{d / kKvLane} * kKvChunk * kKvLane + d % kKvLane * g);
  }
}

/// c[r, block] += sum_i a[r * a_stride + i] * b[block * b_stride + 16 * i], a chain over i.
template <class Kv, uint32_t rows, uint32_t blocks>
static inline void chain_tile(const float* a, size_t a_stride, const typename Kv::Elem* b,
                              size_t b_stride, uint32_t n_i, float* c, size_t c_stride) {
  F32x16 sum[rows][blocks];
  for (uint32_t r = 0; r < rows; ++r) {
    for (uint32_t n = 0; n < blocks; ++n) sum[r][n] = load(c + r * c_stride + n * kLanes);
  }
  for (uint32_t i = 0; i < n_i; ++i) {
    F32x16 lanes[blocks];
    for (uint32_t n = 0; n < blocks; ++n) {
      lanes[n] = Kv::load_lanes(b + n * b_stride + size_t{i} * kLanes);
    }
    for (uint32_t r = 0; r < rows; ++r) {
      const F32x16 factor = set1(a[r * a_stride + i]);
      for (uint32_t n = 0; n < blocks; ++n) sum[r][n] = fma(factor, lanes[n], sum[r][n]);
    }
  }
  for (uint32_t r = 0; r < rows; ++r) {
    for (uint32_t n = 0; n < blocks; ++n) store(sum[r][n], c + r * c_stride + n * kLanes);
  }
}

/// The same product in units of 32 pairs' elements; see the order of BF16 above.
template <uint32_t rows, uint32_t blocks>
static inline void paired_tile(const float* a, size_t a_stride, const uint16_t* b, size_t b_stride,
                               uint32_t n_i, float* c, size_t c_stride) {
  constexpr uint32_t kUnit = 32;
  for (uint32_t begin = 0; begin < n_i; begin += kUnit) {
    const uint32_t end = begin + kUnit < n_i ? begin + kUnit : n_i;
    F32x16 even[rows][blocks];
    F32x16 odd[rows][blocks];
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t n = 0; n < blocks; ++n) even[r][n] = odd[r][n] = zero();
    }
    for (uint32_t i = begin; i < end; i += 2) {
      for (uint32_t n = 0; n < blocks; ++n) {
        const uint16_t* pairs = b + n * b_stride + size_t{i} * kLanes;
        const F32x16 b_even = load_bf16_even(pairs);
        const F32x16 b_odd = load_bf16_odd(pairs);
        for (uint32_t r = 0; r < rows; ++r) {
          even[r][n] = fma(set1(a[r * a_stride + i]), b_even, even[r][n]);
          odd[r][n] = fma(set1(a[r * a_stride + i + 1]), b_odd, odd[r][n]);
        }
      }
    }
    for (uint32_t r = 0; r < rows; ++r) {
      for (uint32_t n = 0; n < blocks; ++n) {
        float* sum = c + r * c_stride + n * kLanes;
        store(add(load(sum), add(even[r][n], odd[r][n])), sum);
      }
    }
  }
}

template <class Kv, uint32_t rows, uint32_t blocks>
static inline void product_tile(const float* a, size_t a_stride, const typename Kv::Elem* b,
                                size_t b_stride, uint32_t n_i, float* c, size_t c_stride) {
  if constexpr (Kv::kGroup == 2) {
    paired_tile<rows, blocks>(a, a_stride, b, b_stride, n_i, c, c_stride);
  } else {
    chain_tile<Kv, rows, blocks>(a, a_stride, b, b_stride, n_i, c, c_stride);
  }
}

template <class Kv, uint32_t rows>
static inline void chain_rows(const float* a, size_t a_stride, const typename Kv::Elem* b,
                              size_t b_stride, uint32_t n_i, float* c, size_t c_stride,
                              uint32_t n_blocks) {
  // Pairs need two accumulators for each of the plain product's.
  constexpr uint32_t kBlocks = Kv::kGroup == 2 ? 1 : kAttentionBlocks;
  uint32_t block = 0;
  for (; block + kBlocks <= n_blocks; block += kBlocks) {
    product_tile<Kv, rows, kBlocks>(a, a_stride, b + block * b_stride, b_stride, n_i,
                                    c + block * kLanes, c_stride);
  }
  for (; block < n_blocks; ++block) {
    product_tile<Kv, rows, 1>(a, a_stride, b + block * b_stride, b_stride, n_i, c + block * kLanes,
                              c_stride);
  }
}

/// The product for any number of rows.
template <class Kv>
static inline void chain_product(uint32_t n_rows, const float* a, size_t a_stride,
                                 const typename Kv::Elem* b, size_t b_stride, uint32_t n_i,
                                 float* c, size_t c_stride, uint32_t n_blocks) {
  constexpr uint32_t kRows = Kv::kGroup == 2 ? kPairedRows : kAttentionRows;
  uint32_t row = 0;
  for (; row + kRows <= n_rows; row += kRows) {
    chain_rows<Kv, kRows>(a + row * a_stride, a_stride, b, b_stride, n_i, c + row * c_stride,
                          c_stride, n_blocks);
  }
  for (; row < n_rows; ++row) {
    chain_rows<Kv, 1>(a + row * a_stride, a_stride, b, b_stride, n_i, c + row * c_stride, c_stride,
                      n_blocks);
  }
}

/// Running state of one row, kept in the caller's scratch memory.
struct RowState {
  float* probabilities;  ///< [64] scores in, probabilities out
  float* output;         ///< [padded head_dim]
  float* sums;           ///< [16]
  float* maximum;        ///< M, an integer
};

/// 2^difference for an integral difference <= 0, or 0 when it no longer matters.
static inline F32x16 rescale_factor(float difference) {
  return difference < -kMinExponent ? zero() : pow2(set1(difference));
}

/// An output of BF16 as it goes on after a rescaling.
static inline F32x16 normal_output(F32x16 x) { return zero_below(abs(x), set1(0x1p-100f), x); }

/// Turns one chunk's scores into probabilities, the operands of the second product, and rescales
/// what was summed before.
template <class Kv>
static inline void softmax_chunk(const RowState& row, uint32_t n_visible, uint32_t n_dims) {
  float* p = row.probabilities;
  for (uint32_t j = n_visible; j < kKvChunk; ++j) p[j] = kNoMaximum;
  F32x16 top = load(p);
  for (uint32_t j = kLanes; j < kKvChunk; j += kLanes) top = max(top, load(p + j));
  const float chunk_max = ceil_f32(fold_max(top));
  const float before = *row.maximum;
  const float after = before > chunk_max ? before : chunk_max;
  const F32x16 down = rescale_factor(chunk_max - after);
  F32x16 sums = load(row.sums);
  if (before != after) {
    const F32x16 factor = rescale_factor(before - after);
    sums = mul(sums, factor);
    for (uint32_t d = 0; d < n_dims; d += kLanes) {
      const F32x16 rescaled = mul(load(row.output + d), factor);
      store(Kv::kGroup == 2 ? normal_output(rescaled) : rescaled, row.output + d);
    }
    *row.maximum = after;
  }
  const F32x16 shift = set1(chunk_max);
  const F32x16 lowest = set1(-kMinExponent);
  for (uint32_t j = 0; j < kKvChunk; j += kLanes) {
    const F32x16 x = sub(load(p + j), shift);
    const F32x16 weight = mul(zero_below(x, lowest, exp2(max(x, lowest))), down);
    sums = add(sums, weight);
    store(Kv::kGroup == 2 ? bf16_operand(weight) : weight, p + j);
  }
  store(sums, row.sums);
}

/// What `attend` keeps in its scratch memory, each [n_rows, ...].
struct AttentionState {
  AttentionState(float* scratch, size_t n_rows, uint32_t padded_dims)
      : dims(padded_dims),
        queries(scratch),
        outputs(queries + n_rows * dims),
        probabilities(outputs + n_rows * dims),
        sums(probabilities + n_rows * kKvChunk),
        maxima(sums + n_rows * kLanes) {}

  RowState row(size_t r) const {
    return {probabilities + r * kKvChunk, outputs + r * dims, sums + r * kLanes, maxima + r};
  }

  uint32_t dims;
  float* queries;        ///< [dims]
  float* outputs;        ///< [dims]
  float* probabilities;  ///< [64]
  float* sums;           ///< [16]
  float* maxima;
};

/// The first operand of the scores of row r: its query, scaled.
template <class Kv>
static inline void scale_query(const AttentionArgs& args, uint32_t r, uint32_t dims, float* out) {
  const float* q = args.q + r / args.group * args.stride + size_t{r % args.group} * args.head_dim;
  for (uint32_t d = 0; d < dims; ++d) out[d] = d < args.head_dim ? q[d] * args.q_scale : 0.0f;
  for (uint32_t d = 0; Kv::kGroup == 2 && d < dims; d += kLanes) {
    store(bf16_operand(load(out + d)), out + d);
  }
}

static inline void start_row(const RowState& row, uint32_t dims) {
  for (uint32_t d = 0; d < dims; d += kLanes) store(zero(), row.output + d);
  store(zero(), row.sums);
  *row.maximum = kNoMaximum;
}

static inline void finish_row(const AttentionArgs& args, uint32_t r, const RowState& row) {
  float* out = args.out + r / args.group * args.stride + size_t{r % args.group} * args.head_dim;
  const float inverse = 1.0f / fold_sum(load(row.sums));
  for (uint32_t d = 0; d < args.head_dim; ++d) out[d] = row.output[d] * inverse;
}

/// Of the chunk at chunk_pos, the positions that row r sees.
static inline uint32_t visible_in_chunk(const AttentionArgs& args, uint32_t r, uint32_t chunk_pos) {
  const uint32_t end = args.first_pos + r / args.group + 1;
  const uint32_t visible = end > chunk_pos ? end - chunk_pos : 0;
  return visible < kKvChunk ? visible : kKvChunk;
}

template <class Kv>
static void attend(const AttentionArgs& args) {
  using Elem = typename Kv::Elem;
  const uint32_t n_rows = args.n_tokens * args.group;
  const uint32_t dims = kv_padded_head_dim(args.head_dim);
  const AttentionState state(args.scratch, n_rows, dims);
  for (uint32_t r = 0; r < n_rows; ++r) {
    scale_query<Kv>(args, r, dims, state.queries + size_t{r} * dims);
    start_row(state.row(r), dims);
  }

  const uint32_t n_positions = args.first_pos + args.n_tokens;
  for (uint32_t chunk_pos = 0; chunk_pos < n_positions; chunk_pos += kKvChunk) {
    const uint8_t* chunk = args.chunks[chunk_pos / kKvChunk];
    const auto* keys = reinterpret_cast<const Elem*>(chunk + args.k_offset);
    const auto* values = reinterpret_cast<const Elem*>(chunk + args.v_offset);
    const uint32_t in_chunk =
        n_positions - chunk_pos < kKvChunk ? n_positions - chunk_pos : kKvChunk;
    // Rows of positions before the chunk see nothing of it.
    const uint32_t first_token = chunk_pos > args.first_pos ? chunk_pos - args.first_pos : 0;
    for (uint32_t row = first_token * args.group; row < n_rows; row += kAttentionRows) {
      const uint32_t tile = n_rows - row < kAttentionRows ? n_rows - row : kAttentionRows;
      float* p = state.probabilities + size_t{row} * kKvChunk;
      const uint32_t key_blocks = (in_chunk + kLanes - 1) / kLanes;
      for (uint32_t i = 0; i < tile * kKvChunk; i += kLanes) store(zero(), p + i);
      chain_product<Kv>(tile, state.queries + size_t{row} * dims, dims, keys,
                        size_t{args.head_dim} * kLanes, args.head_dim, p, kKvChunk, key_blocks);
      for (uint32_t r = row; r < row + tile; ++r) {
        softmax_chunk<Kv>(state.row(r), visible_in_chunk(args, r, chunk_pos), dims);
      }
      // The last row sees the most.
      const uint32_t most_visible = visible_in_chunk(args, row + tile - 1, chunk_pos);
      chain_product<Kv>(tile, p, kKvChunk, values, size_t{kKvChunk} * kLanes, most_visible,
                        state.outputs + size_t{row} * dims, dims, dims / kLanes);
    }
  }

  for (uint32_t r = 0; r < n_rows; ++r) finish_row(args, r, state.row(r));
}

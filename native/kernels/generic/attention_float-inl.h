// Attention over the float types of the KV cache: F32, F16 and BF16. Included inside the target's
// anonymous namespace, after attention-inl.h; kPairedRows are the rows of BF16's register tile.
//
//   score    one chain of fused multiply-adds over the dimensions
//   output   one chain of fused multiply-adds over the positions
// BF16 caches add as the AMX tile product does, so that it can take over without changing a bit: q,
// keys, values and probabilities are rounded to bf16 (below 2^-50 to 0, since tiles flush), and a
// chain is taken in units of 32: sum += (chain of the even elements) + (chain of the odd ones),
// both from 0. Operands being 0 or at least 2^-50, products are multiples of 2^-114; outputs that a
// rescaling takes below 2^-100 become 0, those above remain multiples of 2^-123: no sum is ever
// subnormal, which tiles would flush. A row whose probability is 0 adds 0 * v to its chain, which
// changes no bit.

struct KvF32 {
  using Elem = float;
  static constexpr uint32_t kGroup = 1;  // neighbours that lie side by side in a lane
  static inline F32x16 load_lanes(const Elem* p) { return load(p); }
  static inline void store_lanes(F32x16 v, Elem* p) { store(v, p); }
};

struct KvF16 {
  using Elem = uint16_t;
  static constexpr uint32_t kGroup = 1;
  static inline F32x16 load_lanes(const Elem* p) { return load_f16(p); }
  static inline void store_lanes(F32x16 v, Elem* p) {
    alignas(64) float lanes[kLanes];
    store(v, lanes);
    for (uint32_t i = 0; i < kLanes; ++i) p[i] = f32_to_f16(lanes[i]);
  }
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
  static inline void store_lanes(F32x16 v, Elem* p) {
    const F32x16 largest = set1(0x1.fep127f);
    alignas(64) float finite[kLanes];
    store(min(max(bf16_operand(v), neg(largest)), largest), finite);
    uint32_t lanes[kLanes];
    __builtin_memcpy(lanes, finite, sizeof lanes);
    for (uint32_t i = 0; i < kLanes; ++i) p[i] = static_cast<Elem>(lanes[i] >> 16);
  }
};

template <class Kv>
static void kv_store(const float* k, const float* v, uint32_t head_dim, uint32_t pos_in_chunk,
                     uint8_t* k_chunk, uint8_t* v_chunk) {
  using Elem = typename Kv::Elem;
  constexpr uint32_t g = Kv::kGroup;
  const uint32_t lane = pos_in_chunk % kKvLane;
  auto* keys = reinterpret_cast<Elem*>(k_chunk) + pos_in_chunk / kKvLane * head_dim * kKvLane;
  auto* values =
      reinterpret_cast<Elem*>(v_chunk) + pos_in_chunk / g * g * kKvLane + pos_in_chunk % g;
  for (uint32_t begin = 0; begin < head_dim; begin += kLanes, values += kKvChunk * kKvLane) {
    const uint32_t n = head_dim - begin < kLanes ? head_dim - begin : kLanes;
    alignas(64) Elem elems[kLanes];
    Kv::store_lanes(n == kLanes ? load(k + begin) : load_partial(k + begin, n), elems);
    for (uint32_t i = 0; i < n; ++i) {
      const uint32_t d = begin + i;
      keys[size_t{d / g} * g * kKvLane + lane * g + d % g] = elems[i];
    }
    Kv::store_lanes(n == kLanes ? load(v + begin) : load_partial(v + begin, n), elems);
    for (uint32_t i = 0; i < n; ++i) values[size_t{i} * g] = elems[i];
  }
}

/// The second operand of a product: keys or values of one chunk, in blocks of 16 lanes.
template <class Kv>
struct Panel {
  const typename Kv::Elem* lanes;
  const typename Kv::Elem* next;  ///< the same of the next chunk, to be fetched; null: not
  size_t stride;                  ///< elements from block to block
};

/// sum[r][n] += a[r * a_stride] * 16 lanes of block n.
template <class Kv, uint32_t rows, uint32_t blocks>
static inline void chain_step(const float* a, size_t a_stride, const typename Kv::Elem* lanes,
                              size_t stride, F32x16 (&sum)[rows][blocks]) {
  F32x16 part[blocks];
  unroll<blocks>([&](auto n) { part[n.value] = Kv::load_lanes(lanes + n.value * stride); });
  unroll<rows>([&](auto r) {
    const F32x16 factor = set1(a[r.value * a_stride]);
    unroll<blocks>(
        [&](auto n) { sum[r.value][n.value] = fma(factor, part[n.value], sum[r.value][n.value]); });
  });
}

/// c[r, n] += sum_i a[r * a_stride + i] * block n[16 * i], a chain over i.
template <class Kv, uint32_t rows, uint32_t blocks, bool fetch>
static inline void chain_tile(const float* a, size_t a_stride, const Panel<Kv>& b, uint32_t n_i,
                              float* c, size_t c_stride) {
  const auto* lanes = b.lanes;
  F32x16 sum[rows][blocks];
  unroll<rows, blocks>([&](auto r, auto n) {
    sum[r.value][n.value] = load(c + r.value * c_stride + n.value * kLanes);
  });
  const float* end = a + n_i;
  if constexpr (fetch) {
    constexpr uint32_t kSteps = 64 / (kLanes * sizeof(*lanes));  // of a cache line
    const auto* next = b.next;
    for (; a + kSteps <= end; a += kSteps, lanes += kSteps * kLanes, next += kSteps * kLanes) {
      unroll<blocks>([&](auto n) { prefetch_l2(next + n.value * b.stride); });
      unroll<kSteps>([&](auto s) {
        chain_step<Kv>(a + s.value, a_stride, lanes + s.value * kLanes, b.stride, sum);
      });
    }
  }
  for (; a < end; ++a, lanes += kLanes) chain_step<Kv>(a, a_stride, lanes, b.stride, sum);
  unroll<rows, blocks>([&](auto r, auto n) {
    store(sum[r.value][n.value], c + r.value * c_stride + n.value * kLanes);
  });
}

/// The same product in units of 32 pairs' elements; see the order of BF16 above.
template <class Kv, uint32_t rows, uint32_t blocks, bool fetch>
static inline void paired_tile(const float* a, size_t a_stride, const Panel<Kv>& b, uint32_t n_i,
                               float* c, size_t c_stride) {
  constexpr uint32_t kUnit = 32;
  const auto* lanes = b.lanes;
  const auto* next = b.next;
  for (uint32_t begin = 0; begin < n_i; begin += kUnit) {
    F32x16 even[rows][blocks];
    F32x16 odd[rows][blocks];
    unroll<rows, blocks>(
        [&](auto r, auto n) { even[r.value][n.value] = odd[r.value][n.value] = zero(); });
    const uint32_t left = n_i - begin;
    for (const float* end = a + (left < kUnit ? left : kUnit); a < end; a += 2) {
      unroll<blocks>([&](auto n) {
        if constexpr (fetch) prefetch_l2(next + n.value * b.stride);
        const F32x16 b_even = load_bf16_even(lanes + n.value * b.stride);
        const F32x16 b_odd = load_bf16_odd(lanes + n.value * b.stride);
        unroll<rows>([&](auto r) {
          F32x16& e = even[r.value][n.value];
          F32x16& o = odd[r.value][n.value];
          e = fma(set1(a[r.value * a_stride]), b_even, e);
          o = fma(set1(a[r.value * a_stride + 1]), b_odd, o);
        });
      });
      lanes += 2 * kLanes;
      if constexpr (fetch) next += 2 * kLanes;
    }
    unroll<rows, blocks>([&](auto r, auto n) {
      float* sum = c + r.value * c_stride + n.value * kLanes;
      store(add(load(sum), add(even[r.value][n.value], odd[r.value][n.value])), sum);
    });
  }
}

/// How a type's products are cut; pairs take two accumulators for each of the plain product's.
template <class Kv>
struct Tile {
  static constexpr bool kPaired = Kv::kGroup == 2;
  static constexpr uint32_t kRows = kPaired ? kPairedRows : kAttentionRows;
  static constexpr uint32_t kBlocks = kPaired ? 1 : kAttentionBlocks;

  template <uint32_t rows, uint32_t blocks, bool fetch>
  static inline void multiply(const float* a, size_t a_stride, const Panel<Kv>& b, uint32_t n_i,
                              float* c, size_t c_stride) {
    if constexpr (kPaired) {
      paired_tile<Kv, rows, blocks, fetch>(a, a_stride, b, n_i, c, c_stride);
    } else {
      chain_tile<Kv, rows, blocks, fetch>(a, a_stride, b, n_i, c, c_stride);
    }
  }

  /// Any number of rows, `rows` at a time; the first ones fetch.
  template <uint32_t rows, uint32_t blocks, bool fetch>
  static void multiply_rows(uint32_t n_rows, const float* a, size_t a_stride, const Panel<Kv>& b,
                            uint32_t n_i, float* c, size_t c_stride) {
    if (n_rows >= rows) {
      multiply<rows, blocks, fetch>(a, a_stride, b, n_i, c, c_stride);
      if (n_rows == rows) return;
      return multiply_rows<rows, blocks, false>(n_rows - rows, a + rows * a_stride, a_stride, b,
                                                n_i, c + rows * c_stride, c_stride);
    }
    if constexpr (rows > 1) {
      multiply_rows<rows - 1, blocks, fetch>(n_rows, a, a_stride, b, n_i, c, c_stride);
    }
  }

  /// Any number of blocks, `blocks` at a time; moves the panel on.
  template <uint32_t blocks, bool fetch>
  static void multiply_blocks(uint32_t n_rows, const float* a, size_t a_stride, Panel<Kv> b,
                              uint32_t n_blocks, uint32_t n_i, float* c, size_t c_stride) {
    for (; n_blocks >= blocks; n_blocks -= blocks, c += blocks * kLanes) {
      multiply_rows<kRows, blocks, fetch>(n_rows, a, a_stride, b, n_i, c, c_stride);
      b.lanes += blocks * b.stride;
      if constexpr (fetch) b.next += blocks * b.stride;
    }
    if constexpr (blocks > 1) {
      multiply_blocks<1, fetch>(n_rows, a, a_stride, b, n_blocks, n_i, c, c_stride);
    }
  }
};

/// c[r, n] += a[r] . block n for any number of rows and blocks.
template <class Kv>
static inline void product(uint32_t n_rows, const float* a, size_t a_stride, const Panel<Kv>& b,
                           uint32_t n_blocks, uint32_t n_i, float* c, size_t c_stride) {
  using T = Tile<Kv>;
  if (b.next == nullptr) {
    return T::template multiply_blocks<T::kBlocks, false>(n_rows, a, a_stride, b, n_blocks, n_i, c,
                                                          c_stride);
  }
  // What comes from memory comes fastest as one stream.
  T::template multiply_blocks<1, true>(n_rows, a, a_stride, b, n_blocks, n_i, c, c_stride);
}

/// Adds one chunk's probabilities to the sums and makes operands of the second product of them.
template <class Kv>
static inline void take_weights(const RowSums& row, const float* p, float chunk_max,
                                uint32_t n_dims, float* operands) {
  const F32x16 down = raise_maximum < Kv::kGroup == 2 > (row, chunk_max, n_dims);
  F32x16 sums = load(row.sums);
  for (uint32_t j = 0; j < kKvChunk; j += kLanes) {
    const F32x16 weight = mul(load(p + j), down);
    sums = add(sums, weight);
    store(Kv::kGroup == 2 ? bf16_operand(weight) : weight, operands + j);
  }
  store(sums, row.sums);
}

/// The arithmetic of one type. A record is a row's 64 probabilities and the chunk's maximum.
template <class Elements>
struct FloatKv {
  using Elem = typename Elements::Elem;
  static constexpr size_t kRecordFloats = kWeightFloats;

  /// Queries, scaled.
  static void prepare(const AttentionCall& call) {
    for (uint32_t r = 0; r < call.n_rows; ++r) {
      const float* q = call.args.q + call.at(r);
      float* scaled = call.query(r);
      for (uint32_t d = 0; d < call.query_dims; ++d) {
        scaled[d] = d < call.args.head_dim ? q[d] * call.args.q_scale : 0.0f;
      }
      for (uint32_t d = 0; Elements::kGroup == 2 && d < call.query_dims; d += kLanes) {
        store(bf16_operand(load(scaled + d)), scaled + d);
      }
    }
  }

  static Panel<Elements> panel(const AttentionStep& step, size_t offset, size_t stride) {
    const auto at = [&](const uint8_t* chunk) {
      return reinterpret_cast<const Elem*>(chunk + offset);
    };
    return {at(step.chunk), step.next == nullptr ? nullptr : at(step.next), stride};
  }

  static void weigh(const AttentionCall& call, const AttentionStep& step, float* records) {
    for (uint32_t r = 0; r < step.n_rows; ++r) {
      float* p = records + r * kRecordFloats;
      for (uint32_t j = 0; j < kKvChunk; j += kLanes) store(zero(), p + j);
    }
    const uint32_t head_dim = call.args.head_dim;
    const uint32_t n_blocks = (step.most_visible(call) + kLanes - 1) / kLanes;
    product(step.n_rows, call.query(step.row), call.query_dims,
            panel(step, call.args.k_offset, size_t{head_dim} * kLanes), n_blocks, head_dim, records,
            kRecordFloats);
    float maxima[kAttentionRows];
    softmax_rows(call, step, records, kRecordFloats, maxima);
    for (uint32_t r = 0; r < step.n_rows; ++r) records[r * kRecordFloats + kKvChunk] = maxima[r];
  }

  static void mix(const AttentionCall& call, const AttentionStep& step, const float* records) {
    for (uint32_t r = 0; r < step.n_rows; ++r) {
      const float* p = records + r * kRecordFloats;
      take_weights<Elements>(call.row(step.row + r), p, p[kKvChunk], call.n_dims(),
                             call.operands + r * kKvChunk);
    }
    constexpr size_t kStride = size_t{kKvChunk} * kLanes;
    product(step.n_rows, call.operands, kKvChunk,
            panel(step, call.args.v_offset + call.lane * kStride * sizeof(Elem), kStride),
            call.n_lanes, step.most_visible(call), call.row(step.row).output, call.n_dims());
  }
};

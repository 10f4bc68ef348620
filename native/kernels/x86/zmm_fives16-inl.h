// Products with blocks of 16 rows that hold five weights a byte (TernaryLayout::kFives16), for
// targets with AVX512-VNNI: a lane is a row. Included inside the target's anonymous namespace,
// after zmm_blocks16-inl.h.
//
// A byte y is a fraction of 256: its first digit of base 3 is floor(3y / 256), and 3y mod 256 holds
// the other digits. One activation row needs no digit by itself: with y(0) the byte and y(i + 1) =
// 3 y(i) mod 256, digit i is (3 y(i) - y(i + 1)) / 256, so that
//   sum digit(i) x(i) = (3 sum y(i) x(i) - sum y(i + 1) x(i)) / 256.
// The sums may wrap around: 256 times a dot below 2^23 is right modulo 2^32, and shifting it down
// is exact.

constexpr uint32_t kFives = 5;
/// So many groups of 128 columns are whole vectors.
constexpr uint32_t kFivesGroups = 5;

inline const uint8_t* fives_at(const TernaryMatrix& w, uint32_t row) {
  return w.data + ternary_bytes(TernaryLayout::kFives16, row, w.k_padded);
}

inline __m512i triple(__m512i bytes) {
  return _mm512_add_epi8(_mm512_add_epi8(bytes, bytes), bytes);
}

/// 64 * (1 + first digit) of every byte: floor((y + 128 + floor(y / 2)) / 2), which reaches 128 at
/// y = 86 and 192 at y = 171, without its low bits.
inline __m512i digits_64(__m512i bytes) {
  const __m512i half = _mm512_avg_epu8(bytes, _mm512_set1_epi8(static_cast<char>(253)));
  return _mm512_and_si512(_mm512_avg_epu8(bytes, half), _mm512_set1_epi8(static_cast<char>(0xc0)));
}

/// First digits as codes 0, 1, 2.
inline __m512i digits(__m512i bytes) {
  return _mm512_srli_epi16(_mm512_sub_epi8(digits_64(bytes), _mm512_set1_epi8(64)), 6);
}

// ---------------------------------------------------------------- packing

/// ceil(256 c / 243) of every byte c < 243: c + ceil(13 c / 243), the quotient of 16-bit numbers
/// below 3389 by 243 being their product with 270 / 65536, rounded down.
inline __m512i fraction_of_243(__m512i number) {
  const auto quotient = [](__m512i c) {
    const __m512i up =
        _mm512_add_epi16(_mm512_mullo_epi16(c, _mm512_set1_epi16(13)), _mm512_set1_epi16(242));
    return _mm512_mulhi_epu16(up, _mm512_set1_epi16(270));
  };
  const __m512i even = quotient(_mm512_and_si512(number, _mm512_set1_epi16(0xff)));
  const __m512i odd = quotient(_mm512_srli_epi16(number, 8));
  return _mm512_add_epi8(number, _mm512_or_si512(even, _mm512_slli_epi16(odd, 8)));
}

void pack_fives(const uint8_t* rows, uint32_t k_padded, uint8_t* out) {
  constexpr size_t kGroupCodes = size_t{kTernaryGroup} * kBlockRows;
  alignas(64) uint8_t codes[kFivesGroups * kGroupCodes];
  const uint32_t n_groups = k_padded / kTernaryGroup;
  for (uint32_t first = 0; first < n_groups; first += kFivesGroups) {
    const uint32_t n = n_groups - first < kFivesGroups ? n_groups - first : kFivesGroups;
    for (uint32_t g = 0; g < n; ++g) {
      const uint8_t* group = rows + 32 * (first + g);
      for (uint32_t i = 0; i < 8; ++i) {
        const __m512i v = gather_dwords(group + 4 * i, k_padded / 4);
        unpack_vector(v, 64, codes + g * kGroupCodes + 64 * i);
      }
    }
    // Zero weights behind the last group.
    __builtin_memset(codes + n * kGroupCodes, 1, (kFivesGroups - n) * kGroupCodes);
    const uint8_t* from = codes;
    for (uint32_t k = 0; k < n * kTernaryGroup; k += kFivesWeights, from += 64 * kFives) {
      __m512i number = _mm512_load_si512(from);
      for (uint32_t i = 1; i < kFives; ++i) {
        number = _mm512_add_epi8(triple(number), _mm512_load_si512(from + 64 * i));
      }
      _mm512_storeu_si512(out, fraction_of_243(number));
      out += 64;
    }
  }
}

/// Codes of a block's steps (four columns each) [begin, end), `stride` bytes from step to step.
inline void unpack_fives(const uint8_t* block, uint32_t begin, uint32_t end, size_t stride,
                         uint8_t* out) {
  for (uint32_t step = begin; step < end;) {
    const uint8_t* vector = block + size_t{64} * (step / kFives);
    __m512i y = _mm512_load_si512(vector);
    prefetch(vector, kPrefetchBytes);
    for (uint32_t i = 0; i < step % kFives; ++i) y = triple(y);
    const uint32_t next = step - step % kFives + kFives;
    for (const uint32_t last = next < end ? next : end; step < last; ++step, out += stride) {
      _mm512_store_si512(out, digits(y));
      y = triple(y);
    }
  }
}

void unpack_fives_group(const TernaryMatrix& w, uint32_t row, uint32_t /*row_end*/, uint32_t g,
                        uint8_t* out) {
  unpack_fives(fives_at(w, row), g * kGroupSteps, (g + 1) * kGroupSteps, 64, out);
}

// ---------------------------------------------------------------- products

constexpr uint32_t kChains = 3;

inline __m512i add_chains(const __m512i (&sum)[kChains]) {
  return _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), sum[2]);
}

/// Activations of m rows, 20 by 20. The last vector may reach beyond k_padded: there it is given a
/// copy with zeros behind.
template <uint32_t m>
struct FivesInput {
  FivesInput(const TernaryInput& x, uint32_t k_padded)
      : rows(x.q), stride(x.q_stride), whole(k_padded / kFivesWeights * kFivesWeights) {
    for (uint32_t t = 0; t < m; ++t) {
      __builtin_memcpy(last[t], rows + t * stride + whole, k_padded - whole);
    }
  }

  const int8_t* rows;
  size_t stride;
  uint32_t whole;  // columns in whole vectors
  int8_t last[m][kFivesWeights] = {};
};

/// Whatever becomes of `second` comes after what was done to `first`.
inline void keep_order(__m512i& first, __m512i& second) { __asm__("" : "+v"(first), "+v"(second)); }

/// One activation row. Six chains are enough for VPDPBUSD; with ten, g++ 12 copies registers.
void gemv_fives_1(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                  uint32_t row_end, float* y) {
  const FivesInput<1> input(x, w.k_padded);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* vector = fives_at(w, row);
    __m512i now[kChains];
    __m512i next[kChains];
    for (auto& sum : now) sum = _mm512_setzero_si512();
    for (auto& sum : next) sum = _mm512_setzero_si512();
    for (uint32_t k = 0; k < w.k_padded; k += kFivesWeights, vector += 64) {
      const int8_t* q = k < input.whole ? input.rows + k : input.last[0];
      __m512i bytes = _mm512_load_si512(vector);
      prefetch(vector, kPrefetchBytes);
#pragma GCC unroll 5
      for (uint32_t i = 0; i < kFives; ++i) {
        const __m512i four = broadcast_4(q + 4 * i);
        dot4_add(now[i % kChains], bytes, four);
        keep_order(now[i % kChains], bytes);
        bytes = triple(bytes);
        dot4_add(next[i % kChains], bytes, four);
      }
    }
    // Codes are trits plus one: the sum of the activations goes off before the shift.
    const __m512i thrice = _mm512_mullo_epi32(add_chains(now), _mm512_set1_epi32(3));
    const __m512i ones = _mm512_slli_epi32(_mm512_set1_epi32(x.sum[0]), 8);
    const __m512i dots_256 = _mm512_sub_epi32(_mm512_sub_epi32(thrice, add_chains(next)), ones);
    store_dots(_mm512_srai_epi32(dots_256, 8), w, x, 0, row, rows_left(row, row_end), y);
  }
}

/// A few activation rows share the digits: from two rows on they are worth taking out.
template <uint32_t m>
void gemv_fives_m(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin,
                  uint32_t row_end, float* y, size_t y_stride) {
  const FivesInput<m> input(x, w.k_padded);
  for (uint32_t row = row_begin; row < row_end; row += kBlockRows) {
    const uint8_t* vector = fives_at(w, row);
    __m512i sum[m];
    for (auto& lanes : sum) lanes = _mm512_setzero_si512();
    for (uint32_t k = 0; k < w.k_padded; k += kFivesWeights, vector += 64) {
      const bool inside = k < input.whole;
      const int8_t* q = inside ? input.rows + k : input.last[0];
      const size_t stride = inside ? input.stride : kFivesWeights;
      __m512i bytes = _mm512_load_si512(vector);
      prefetch(vector, kPrefetchBytes);
#pragma GCC unroll 5
      for (uint32_t i = 0; i < kFives; ++i) {
        const __m512i codes = digits_64(bytes);
#pragma GCC unroll 8
        for (uint32_t t = 0; t < m; ++t) {
          dot4_add(sum[t], codes, broadcast_4(q + t * stride + 4 * i));
        }
        bytes = triple(bytes);
      }
    }
    for (uint32_t t = 0; t < m; ++t) {
      const __m512i twos = _mm512_set1_epi32(2 * x.sum[t]);  // of trits plus two
      const __m512i dots = _mm512_sub_epi32(_mm512_srai_epi32(sum[t], 6), twos);
      store_dots(dots, w, x, t, row, rows_left(row, row_end), y + t * y_stride);
    }
  }
}

void gemv_fives(const TernaryMatrix& w, const TernaryInput& x, uint32_t row_begin, uint32_t row_end,
                float* y, size_t y_stride) {
  switch (x.m) {
    case 1:
      return gemv_fives_1(w, x, row_begin, row_end, y);
    case 2:
      return gemv_fives_m<2>(w, x, row_begin, row_end, y, y_stride);
    case 3:
      return gemv_fives_m<3>(w, x, row_begin, row_end, y, y_stride);
    case 4:
      return gemv_fives_m<4>(w, x, row_begin, row_end, y, y_stride);
    case 5:
      return gemv_fives_m<5>(w, x, row_begin, row_end, y, y_stride);
    case 6:
      return gemv_fives_m<6>(w, x, row_begin, row_end, y, y_stride);
    case 7:
      return gemv_fives_m<7>(w, x, row_begin, row_end, y, y_stride);
    default:
      return gemv_fives_m<8>(w, x, row_begin, row_end, y, y_stride);
  }
}

// One activation row by SDOT, and what sums of bytes and fields mean. Included after
// neon_quads16-inl.h.

// g++ would mask many vectors ahead, spill them and copy sums to and fro. What is pinned here and
// there stays in its register, and in the order of the source.
struct FieldMasks {
  int8x16_t field[3] = {vdupq_n_s8(0x30), vdupq_n_s8(0x0c), vdupq_n_s8(0x03)};
};
inline void pin(I32x16& sum) {
  __asm__ volatile("" : "+w"(sum.part[0]), "+w"(sum.part[1]), "+w"(sum.part[2]), "+w"(sum.part[3]));
}
inline void pin(FieldMasks& masks, I32x16& sum) {
  __asm__ volatile(""
                   : "+w"(masks.field[0]), "+w"(masks.field[1]), "+w"(masks.field[2]),
                     "+w"(sum.part[0]), "+w"(sum.part[1]), "+w"(sum.part[2]), "+w"(sum.part[3]));
}

/// A vector as it is, and its fields of c1, c2 and c3 in their places. Pins `sum`.
inline Fields fields_of(int8x16_t v, FieldMasks& masks, I32x16& sum) {
  pin(masks, sum);
  return {
      {v, vandq_s8(v, masks.field[0]), vandq_s8(v, masks.field[1]), vandq_s8(v, masks.field[2])}};
}

/// Adds a vector's four columns of 16 rows times lane `lane` of q.
template <int lane>
inline void add_columns(const Fields& fields, int8x16_t q, I32x16& sum) {
  for (int f = 0; f < 4; ++f) {
    sum.part[f] = vdotq_laneq_s32(sum.part[f], fields.part[f], q, lane);
  }
}

/// From the sums of the bytes and of their fields.
inline I32x16 dots_of_fields(const I32x16& sum) {
  const int32x4_t rest = vaddq_s32(vaddq_s32(sum.part[1], sum.part[2]), sum.part[3]);
  return {{vshrq_n_s32(vsubq_s32(sum.part[0], rest), 6), vshrq_n_s32(sum.part[1], 4),
           vshrq_n_s32(sum.part[2], 2), sum.part[3]}};
}

inline void add_line(const uint8_t* p, int8x16_t q, FieldMasks& masks, I32x16& even, I32x16& odd) {
  const Line line = load_line(p);
  add_columns<0>(fields_of(line.part[0], masks, even), q, even);
  add_columns<1>(fields_of(line.part[1], masks, odd), q, odd);
  add_columns<2>(fields_of(line.part[2], masks, even), q, even);
  add_columns<3>(fields_of(line.part[3], masks, odd), q, odd);
  __asm__ volatile("" : : : "memory");  // a prefetch stays with its line
}

/// Two chains of sums, as those of one would wait for each other.
template <uint32_t turn>
inline void multiply_lines(const uint8_t* block, const int8_t* q, size_t /*q_stride*/,
                           uint32_t n_lines, I32x16 (&dots)[1], Indices<0> /*tokens*/) {
  FieldMasks masks;
  I32x16 even = set1_i32(0);
  I32x16 odd = even;
  const int8_t* end = q + size_t{n_lines} * kLineColumns;
  for (; q != end; q += turn * kLineColumns, block += turn * 64) {
#pragma GCC unroll 4
    for (uint32_t i = 0; i < turn; i += 2) {
      const int8x16_t first = load_x(q + kLineColumns * i);
      const int8x16_t second = load_x(q + kLineColumns * (i + 1));
      add_line(block + 64 * i, first, masks, even, odd);
      add_line(block + 64 * (i + 1), second, masks, even, odd);
    }
  }
  for (int f = 0; f < 4; ++f) even.part[f] = vaddq_s32(even.part[f], odd.part[f]);
  dots[0] = dots_of_fields(even);
}

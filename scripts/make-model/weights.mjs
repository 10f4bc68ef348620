// Random weights from a seed, by the megabyte: every tensor has a stream of its own, named by the
// tensor, so that the same seed gives the same model in every container.

/** Valid bytes of a packed tensor: four 2-bit codes 0, 1 or 2. There are 81. */
export const PACKED_BYTES = Array.from({ length: 81 }, (_, i) =>
  [1, 3, 9, 27].reduce((byte, power, at) => byte | ((Math.floor(i / power) % 3) << (2 * at)), 0),
);

/** Two packed bytes for every 16 random bits; the bias of 65536 over 6561 pairs is below 10 %. */
const PACKED_PAIRS = Uint16Array.from({ length: 65_536 }, (_, bits) => {
  const low = PACKED_BYTES[bits % 81] ?? 0;
  const high = PACKED_BYTES[Math.floor(bits / 81) % 81] ?? 0;
  return (high << 8) | low;
});

/** Values below this are subnormal in f16. */
const SMALLEST_HALF = 2 ** -14;

const FLOAT = new Float32Array(1);
const FLOAT_BITS = new Uint32Array(FLOAT.buffer);

/** xoshiro128**, seeded by a hash of seed and name. @param {number} seed @param {string} name */
function generator(seed, name) {
  let hash = 0x811c9dc5 ^ seed;
  for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  const state = new Int32Array(4);
  for (let i = 0; i < 4; i++) {
    hash = (hash + 0x9e3779b9) | 0;
    let mixed = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    state[i] = mixed ^ (mixed >>> 15);
  }
  return state;
}

/** Fills `words` with pairs of 16 random bits, each looked up in `table`.
 *  @param {Int32Array} state @param {Uint16Array} table @param {Uint16Array} words */
function fill(state, table, words) {
  let [a = 0, b = 0, c = 0, d = 0] = state;
  for (let i = 0; i < words.length; i += 2) {
    const scrambled = Math.imul(b, 5);
    const bits = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    words[i] = table[bits & 0xffff];
    if (i + 1 < words.length) words[i + 1] = table[bits >>> 16];
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
  }
  state.set([a, b, c, d]);
}

/** The packed bytes [rows / 4, cols] of a ternary tensor.
 *  @param {number} seed @param {string} name @param {number} bytes even
 *  @returns {Uint8Array} */
export function packedTrits(seed, name, bytes) {
  const words = new Uint16Array(Math.ceil(bytes / 2));
  fill(generator(seed, name), PACKED_PAIRS, words);
  return new Uint8Array(words.buffer, 0, bytes);
}

/** 65536 Gaussian values of standard deviation `sigma`, exact in bf16 and in f16.
 *  @param {number} sigma @returns {{ bf16: Uint16Array, f16: Uint16Array, f32: Float32Array }} */
export function gaussianTable(sigma) {
  const bf16 = Uint16Array.from({ length: 65_536 }, (_, i) => {
    const bits = toBf16(sigma * normalQuantile((i + 0.5) / 65_536));
    return Math.abs(fromBf16(bits)) < SMALLEST_HALF ? 0 : bits;
  });
  const f32 = Float32Array.from(bf16, fromBf16);
  return { bf16, f32, f16: Uint16Array.from(f32, toHalf) };
}

/** An endless stream of table entries. @param {number} seed @param {string} name */
export function tableStream(seed, name) {
  const state = generator(seed, name);
  return {
    /** @param {Uint16Array} table @param {Uint16Array} words an even number of them */
    fill: (table, words) => fill(state, table, words),
  };
}

/** A norm's weights around `center`, exact in bf16. @param {number} seed @param {string} name
 *  @param {number} length @param {number} center
 *  @returns {{ bf16: Uint16Array, f32: Float32Array }} */
export function normWeights(seed, name, length, center) {
  const table = Uint16Array.from({ length: 65_536 }, (_, i) =>
    toBf16(center + 0.1 * normalQuantile((i + 0.5) / 65_536)),
  );
  const bf16 = new Uint16Array(length);
  fill(generator(seed, name), table, bf16);
  return { bf16, f32: Float32Array.from(bf16, fromBf16) };
}

/** A scale near `typical`, exact in bf16. @param {number} seed @param {string} name
 *  @param {number} typical @returns {number} */
export function scaleNear(seed, name, typical) {
  const [bits = 0] = generator(seed, `${name}_scale`);
  return fromBf16(toBf16(typical * (0.85 + 0.3 * ((bits >>> 0) / 2 ** 32))));
}

/** Round to nearest even. @param {number} x @returns {number} */
export function toBf16(x) {
  FLOAT[0] = x;
  const bits = FLOAT_BITS[0] ?? 0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** @param {number} bits @returns {number} */
export function fromBf16(bits) {
  FLOAT_BITS[0] = bits << 16;
  return FLOAT[0] ?? 0;
}

/** Bits of a number that f16 holds exactly as a normal number, or of 0. @param {number} x */
export function toHalf(x) {
  if (x === 0) return 0;
  FLOAT[0] = x;
  const bits = FLOAT_BITS[0] ?? 0;
  return ((bits >>> 16) & 0x8000) | ((((bits >>> 23) & 255) - 112) << 10) | ((bits >>> 13) & 1023);
}

/** Inverse of the normal distribution function (P. J. Acklam's rational approximation, relative error
 *  below 1.2e-9). @param {number} p between 0 and 1 @returns {number} */
function normalQuantile(p) {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return ratio(TAIL_NUMERATOR, q) / (ratio(TAIL_DENOMINATOR, q) * q + 1);
  }
  const q = p - 0.5;
  const r = q * q;
  return (ratio(NUMERATOR, r) * q) / (ratio(DENOMINATOR, r) * r + 1);
}

/** Horner's rule. @param {readonly number[]} coefficients @param {number} x */
const ratio = (coefficients, x) => coefficients.reduce((sum, c) => sum * x + c, 0);

const NUMERATOR = [
  -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
  2.506628277459239,
];
const DENOMINATOR = [
  -54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572,
];
const TAIL_NUMERATOR = [
  -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734,
  4.374664141464968, 2.938163982698783,
];
const TAIL_DENOMINATOR = [
  0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416,
];

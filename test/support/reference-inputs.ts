import { halfToNumber, numberToHalf, roundHalfEven } from "./reference-numbers.ts";

/** What stands for the inputs of ternary matrices: int8 codes with one scale a token, or one for every 32
 *  inputs, or the inputs themselves. */
export type Activations = "token" | "blocks" | "none";

const BLOCK = 32;

/** Numbers q with q / s near x. Of blocks, q are codes times their scales, and s is 1. */
export function inputsOf(
  x: Float64Array,
  activations: Activations,
): { readonly q: Float64Array; readonly s: number } {
  if (activations === "none") return { q: x, s: 1 };
  const { codes, s, blockScales } = unrounded(x, activations);
  const q = codes.map((code, i) => {
    const rounded = Math.min(Math.max(roundHalfEven(code), -128), 127);
    return rounded * (blockScales[Math.floor(i / BLOCK)] ?? 1);
  });
  return { q, s };
}

/** Distance of the int8 code that is nearest to a rounding tie, in units of one code: arithmetic in single
 *  precision may round it the other way. */
export function tieDistance(x: Float64Array, activations: Activations): number {
  if (activations === "none") return 0.5;
  return unrounded(x, activations).codes.reduce((least, code) => {
    return Math.min(least, Math.abs(code - Math.floor(code) - 0.5));
  }, 0.5);
}

/** Codes before they are rounded. */
function unrounded(x: Float64Array, activations: "token" | "blocks") {
  const absMax = (values: Float64Array) => {
    return values.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  };
  if (activations === "token") {
    const s = Math.fround(127 / Math.max(absMax(x), 1e-5));
    return { codes: x.map((v) => v * s), s, blockScales: [] };
  }
  // As Q8_0 has them: codes by the f32 scale, read back by that scale rounded to f16.
  const codes = new Float64Array(x.length);
  const blockScales: number[] = [];
  for (let begin = 0; begin < x.length; begin += BLOCK) {
    const block = x.subarray(begin, begin + BLOCK).map(Math.fround);
    const d = Math.fround(absMax(block) / 127);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    codes.set(
      block.map((v) => Math.fround(v * inverse)),
      begin,
    );
    blockScales.push(halfToNumber(numberToHalf(d)));
  }
  return { codes, s: 1, blockScales };
}

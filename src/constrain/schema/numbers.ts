import type { NumberBounds } from "./flat.ts";

/** Digits of a whole number at most: all of them are exact in a double. */
const MAX_DIGITS = 15;
/** Digits after those that bounds have. */
const MORE_DIGITS = 8;
const MAX_DECIMALS = 9;

/** Grammars of the numbers within the bounds, without exponents; [] when there is none. Undefined for a
 *  bound with too many digits. */
export function numberGrammars(bounds: NumberBounds, isWhole: boolean): string[] | undefined {
  const given = [bounds.min, bounds.max, bounds.above, bounds.below].filter((x) => x !== undefined);
  const decimals = isWhole ? 0 : Math.max(0, ...given.map(decimalsOf));
  const limit = 10n ** BigInt(MAX_DIGITS);
  const isLarge = (x: number) => Math.abs(x) >= 10 ** (MAX_DIGITS - decimals);
  if (decimals > MAX_DECIMALS || given.some(isLarge)) return undefined;
  // Open edges of whole numbers are rounded outwards: what lies beyond them is not taken either.
  const units = (x: number, round: (x: number) => number) =>
    isWhole ? BigInt(round(x)) : BigInt(x.toFixed(decimals).replace(".", ""));
  const lowest: Edge[] = [{ m: 1n - limit, open: false }];
  const highest: Edge[] = [{ m: limit - 1n, open: false }];
  if (bounds.min !== undefined) lowest.push({ m: units(bounds.min, Math.ceil), open: false });
  if (bounds.above !== undefined) lowest.push({ m: units(bounds.above, Math.floor), open: true });
  if (bounds.max !== undefined) highest.push({ m: units(bounds.max, Math.floor), open: false });
  if (bounds.below !== undefined) highest.push({ m: units(bounds.below, Math.ceil), open: true });
  const low = lowest.reduce(later);
  const high = mirror(highest.map(mirror).reduce(later));
  const range = new DecimalRange(decimals, isWhole);
  const zero = { m: 0n, open: false };
  const positive = range.between(later(low, zero), high);
  const negative = range.between(later(mirror(high), { m: 0n, open: true }), mirror(low));
  return [...positive, ...negative.map((grammar) => `"-" ${grammar}`)];
}

/** A bound in units of the last decimal; open: it is not reached. */
interface Edge {
  readonly m: bigint;
  readonly open: boolean;
}

/** The one that leaves less above it. */
function later(a: Edge, b: Edge): Edge {
  if (a.m !== b.m) return a.m > b.m ? a : b;
  return { m: a.m, open: a.open || b.open };
}

function mirror({ m, open }: Edge): Edge {
  return { m: -m, open };
}

function decimalsOf(x: number): number {
  const text = String(x);
  const exponent = text.indexOf("e-");
  const mantissa = exponent < 0 ? text : text.slice(0, exponent);
  const after = mantissa.includes(".") ? mantissa.length - mantissa.indexOf(".") - 1 : 0;
  return after + (exponent < 0 ? 0 : Number(text.slice(exponent + 2)));
}

/** Ranges of numbers that are not negative, in units of the last decimal. */
class DecimalRange {
  readonly #decimals: number;
  readonly #isWhole: boolean;

  constructor(decimals: number, isWhole: boolean) {
    this.#decimals = decimals;
    this.#isWhole = isWhole;
  }

  between(low: Edge, high: Edge): string[] {
    if (low.m > high.m) return [];
    const first = low.open ? low.m + 1n : low.m;
    const last = high.m - 1n;
    const top = high.open ? [] : this.#exact(first > high.m ? first : high.m, high.m);
    if (this.#isWhole) return [...this.#exact(first, last), ...top];
    // What lies between two neighbours has more digits than both.
    const point = this.#decimals === 0 ? '"." ' : "";
    const more = `(${point}[0-9]{1,${MORE_DIGITS}})?`;
    const some = `${point}"0"{0,4} [1-9] [0-9]{0,4}`;
    const above = low.open && low.m < high.m ? this.#exact(low.m, low.m) : [];
    return [
      ...this.#exact(first, last).map((exact) => `${exact} ${more}`),
      ...above.map((exact) => `${exact} ${some}`),
      ...top,
    ];
  }

  /** The numbers first..last themselves. */
  #exact(first: bigint, last: bigint): string[] {
    const width = this.#decimals + 1;
    const grammars: string[] = [];
    for (let low = first; low <= last; ) {
      const length = Math.max(String(low).length, width);
      const highest = 10n ** BigInt(length) - 1n;
      const high = last < highest ? last : highest;
      const digits = (m: bigint) => String(m).padStart(length, "0");
      for (const cells of sameLength(digits(low), digits(high))) grammars.push(this.#write(cells));
      low = high + 1n;
    }
    return grammars;
  }

  #write(cells: readonly string[]): string {
    const whole = cells.length - this.#decimals;
    const parts = [...cells.slice(0, whole)];
    if (this.#decimals > 0) parts.push('"."', ...cells.slice(whole));
    return parts.join(" ");
  }
}

/** Digit by digit, the numbers from `low` to `high`, which have as many digits. */
function sameLength(low: string, high: string): string[][] {
  if (low === "") return [[]];
  const first = Number(low[0]);
  const last = Number(high[0]);
  const rest = low.length - 1;
  if (first === last) {
    return sameLength(low.slice(1), high.slice(1)).map((cells) => [digit(first, first), ...cells]);
  }
  const isLowest = /^0*$/.test(low.slice(1));
  const isHighest = /^9*$/.test(high.slice(1));
  const all: string[][] = [];
  const from = isLowest ? first : first + 1;
  const to = isHighest ? last : last - 1;
  if (!isLowest) {
    const above = sameLength(low.slice(1), "9".repeat(rest));
    all.push(...above.map((cells) => [digit(first, first), ...cells]));
  }
  if (from <= to) all.push([digit(from, to), ...Array<string>(rest).fill("[0-9]")]);
  if (!isHighest) {
    const below = sameLength("0".repeat(rest), high.slice(1));
    all.push(...below.map((cells) => [digit(last, last), ...cells]));
  }
  return all;
}

function digit(from: number, to: number): string {
  return from === to ? `"${from}"` : `[${from}-${to}]`;
}

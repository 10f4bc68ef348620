/** Characters from `low` to `high`, both included, as code points. */
export type Range = readonly [low: number, high: number];

const MAX_CODE_POINT = 0x10ffff;

const ASCII: Range = [0, 0x7f];
const BEYOND_ASCII: readonly Range[] = [[0x80, MAX_CODE_POINT]];
/** Halves of characters: no text of its own. */
const SURROGATES: Range = [0xd800, 0xdfff];

/** What a JSON string cannot contain as it is. DEL may, but nobody wants it. */
export const UNSAFE: readonly Range[] = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x7f, 0x7f],
  SURROGATES,
];

/** Characters that are spelled out one by one. */
const MAX_SPELLED = 128;

/** JSON texts of unsafe characters that have a short one. */
const ESCAPES: readonly (readonly [code: number, text: string])[] = [
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
];

/** A text as a literal of the grammar. */
export function literal(text: string): string {
  return `"${Array.from(text, (char) => spell(char.codePointAt(0) as number)).join("")}"`;
}

/** A character inside of a literal or a class. */
function spell(code: number): string {
  const char = String.fromCodePoint(code);
  if (/[A-Za-z0-9 _]/.test(char)) return char;
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Sorted, without overlaps. */
export function normalise(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [low, high] of sorted) {
    const last = merged.at(-1);
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else merged.push([low, high]);
  }
  return merged;
}

/** All characters that are not of the ranges. */
export function complement(ranges: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let next = 0;
  for (const [low, high] of normalise(ranges)) {
    if (low > next) rest.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= MAX_CODE_POINT) rest.push([next, MAX_CODE_POINT]);
  return rest;
}

export function without(ranges: readonly Range[], others: readonly Range[]): Range[] {
  return complement([...complement(ranges), ...others]);
}

/** One of the characters; undefined when there is none. The library's classes know bytes, not
 *  characters: beyond ASCII, one that is negated has all there are, and any other none. So a part of
 *  them is spelled out, or left out where it is large. */
export function charOf(ranges: readonly Range[]): string | undefined {
  const ascii = without(ranges, BEYOND_ASCII);
  const beyond = without(ranges, [ASCII, SURROGATES]);
  const hasAll = without(BEYOND_ASCII, [SURROGATES, ...beyond]).length === 0;
  if (hasAll) return classOf(without([ASCII], ascii), "^");
  const nBeyond = beyond.reduce((n, [low, high]) => n + high - low + 1, 0);
  const spelled = nBeyond <= MAX_SPELLED ? beyond.flatMap(literals) : [];
  const plain = ascii.length === 0 ? [] : [classOf(ascii)];
  return oneOf([...plain, ...spelled]);
}

/** One character of the ranges inside of a JSON string, escaped where it must be; undefined when none
 *  of them can be there. */
export function stringChar(ranges: readonly Range[]): string | undefined {
  const plain = charOf(without(ranges, UNSAFE));
  const has = (code: number) => ranges.some(([low, high]) => code >= low && code <= high);
  const escaped = ESCAPES.filter(([code]) => has(code)).map(([, text]) => literal(text));
  return oneOf([...(plain === undefined ? [] : [plain]), ...escaped]);
}

function oneOf(options: readonly string[]): string | undefined {
  return options.length > 1 ? `(${options.join(" | ")})` : options[0];
}

function literals([low, high]: Range): string[] {
  return Array.from({ length: high - low + 1 }, (_, i) => literal(String.fromCodePoint(low + i)));
}

function classOf(ranges: readonly Range[], negation = ""): string {
  const inside = normalise(ranges).map(([low, high]) =>
    low === high ? spell(low) : `${spell(low)}-${spell(high)}`,
  );
  return `[${negation}${inside.join("")}]`;
}

/** The type of a setting: how text becomes a value, and how to say what was expected. */
export interface ValueType<T> {
  /** Completes "expects ...": `a whole number from 1 to 1024`. */
  readonly expected: string;
  /** Undefined when the text is not such a value. */
  parse(text: string): T | undefined;
}

const INTEGER_TEXT = /^[+-]?\d+$/;
const NUMBER_TEXT = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Any whole number that a double holds exactly. */
export const INTEGER: ValueType<number> = {
  expected: "a whole number",
  parse: (text) => {
    const value = INTEGER_TEXT.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(value) ? value : undefined;
  },
};

export function integer(
  min: number,
  max = Number.MAX_SAFE_INTEGER,
  note?: string,
): ValueType<number> {
  return {
    expected: `a whole number ${range(min, max, Number.MAX_SAFE_INTEGER)}${remark(note)}`,
    parse: (text) => (INTEGER_TEXT.test(text) ? within(Number(text), min, max) : undefined),
  };
}

export function decimal(
  min: number,
  max = Number.POSITIVE_INFINITY,
  note?: string,
): ValueType<number> {
  return {
    expected: `a number ${range(min, max, Number.POSITIVE_INFINITY)}${remark(note)}`,
    parse: (text) => (NUMBER_TEXT.test(text) ? within(Number(text), min, max) : undefined),
  };
}

/** Greater than zero. */
export const POSITIVE: ValueType<number> = {
  expected: "a number above 0",
  parse: (text) => {
    const value = NUMBER_TEXT.test(text) ? Number(text) : 0;
    return value > 0 && Number.isFinite(value) ? value : undefined;
  },
};

const DURATION_TEXT = /^(\d+\.?\d*|\.\d+)(s|m|h)?$/;
const SECONDS_OF: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** Seconds: `30`, `30s`, `5m` or `1h`. */
export const DURATION: ValueType<number> = {
  expected: "a duration above 0 such as 30s or 5m",
  parse: (text) => {
    const match = DURATION_TEXT.exec(text);
    const seconds = Number(match?.[1]) * (SECONDS_OF[match?.[2] ?? "s"] ?? Number.NaN);
    return seconds > 0 ? seconds : undefined;
  },
};

export function oneOf<const T extends string>(...choices: readonly T[]): ValueType<T> {
  return {
    expected: `one of ${choices.join(", ")}`,
    parse: (text) => choices.find((choice) => choice === text),
  };
}

/** Any text, the empty one included. */
export const TEXT: ValueType<string> = { expected: "a text", parse: (text) => text };

/** A name that cannot be empty: a path or a model. */
export const NAME: ValueType<string> = {
  expected: "a text that is not empty",
  parse: (text) => (text === "" ? undefined : text),
};

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "true", "yes", "on"].map((word) => [word, true] as const),
  ...["0", "false", "no", "off"].map((word) => [word, false] as const),
]);

/** A flag that comes from the environment. */
export const BOOLEAN: ValueType<boolean> = {
  expected: "true or false",
  parse: (text) => BOOLEANS.get(text.toLowerCase()),
};

export interface TokenBias {
  readonly token: number;
  readonly bias: number;
}

const TOKEN_BIAS = /^(\d+)(?:=([+-]?.+)|([+-].+))$/;

/** `128009=-5`, or llama.cpp's `128009-5` and `128009+1.5`; `-inf` and `false` forbid the token. */
export const TOKEN_BIAS_TYPE: ValueType<TokenBias> = {
  expected: "TOKEN=BIAS such as 128009=-5, or TOKEN=-inf to forbid a token",
  parse: (text) => {
    const match = TOKEN_BIAS.exec(text);
    const bias = parseBias(match?.[2] ?? match?.[3]);
    return match && bias !== undefined ? { token: Number(match[1]), bias } : undefined;
  },
};

function parseBias(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === "-inf" || text === "false") return Number.NEGATIVE_INFINITY;
  return NUMBER_TEXT.test(text) ? Number(text) : undefined;
}

function within(value: number, min: number, max: number): number | undefined {
  return Number.isFinite(value) && value >= min && value <= max ? value : undefined;
}

function range(min: number, max: number, unlimited: number): string {
  return max === unlimited ? `of at least ${min}` : `from ${min} to ${max}`;
}

function remark(note: string | undefined): string {
  return note === undefined ? "" : ` (${note})`;
}

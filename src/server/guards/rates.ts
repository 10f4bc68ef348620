/** So many in each stretch of time as long as the window. */
export interface RateLimit {
  readonly count: number;
  readonly windowMs: number;
}

const UNITS_MS = { s: 1000, min: 60_000, h: 3_600_000 } as const;
const RATE = /^([1-9]\d{0,5})\/(s|min|h)$/;

/** `60/min`, `10/s`, `1000/h`; undefined where the text is no such rate. */
export function parseRate(text: string): RateLimit | undefined {
  const [, count, unit] = RATE.exec(text) ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), windowMs: UNITS_MS[unit as keyof typeof UNITS_MS] };
}

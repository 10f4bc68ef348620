import { randomSource } from "./random.ts";

/** Pieces of `size` items; the last may be shorter. */
export function splitEvery<T>(items: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let i = 0; i < items.length; i += size) pieces.push(items.slice(i, i + size));
  return pieces;
}

/** Pieces of 1 to `maxSize` items, the same for the same seed. */
export function splitRandomly<T>(items: readonly T[], maxSize: number, seed: number): T[][] {
  const random = randomSource(seed);
  const pieces: T[][] = [];
  for (let i = 0; i < items.length; ) {
    const size = 1 + Math.floor(random() * maxSize);
    pieces.push(items.slice(i, i + size));
    i += size;
  }
  return pieces;
}

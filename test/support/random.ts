/** Numbers in [0, 1) from a seed (mulberry32): the same on every machine. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whole numbers from 0 up to what is asked, without it. */
export function seededRandom(seed: number): (below: number) => number {
  const random = randomSource(seed);
  return (below) => Math.floor(random() * below);
}

/** Bytes that do not compress and do not repeat. */
export function randomBytes(length: number, seed: number): Uint8Array {
  const next = seededRandom(seed);
  return Uint8Array.from({ length }, () => next(256));
}

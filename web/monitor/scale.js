const WANTED_TICKS = 3;

/**
 * Round steps from 0 up to at least `highest`.
 * @param {number} highest
 * @returns {number[]}
 */
export function niceTicks(highest) {
  const rough = highest / WANTED_TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  const count = Math.ceil(highest / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

const MINUTE = 60;
const HOUR = 3600;
const TIME_STEPS = [
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
];

/**
 * Times on the clock's round minutes and hours.
 * @param {number} from seconds since 1970
 * @param {number} to
 * @param {number} most
 * @param {number} offset seconds that the clock on the wall is ahead of UTC
 * @returns {number[]}
 */
export function timeTicks(from, to, most, offset) {
  const step = TIME_STEPS.find((one) => (to - from) / one <= most) ?? 24 * HOUR;
  const first = Math.ceil((from + offset) / step) * step - offset;
  const ticks = [];
  for (let time = first; time <= to; time += step) ticks.push(time);
  return ticks;
}

/**
 * Runs of points without a gap.
 * @param {readonly { x: number, y: number | null }[]} points
 * @returns {{ x: number, y: number }[][]}
 */
export function unbroken(points) {
  /** @type {{ x: number, y: number }[][]} */
  const runs = [];
  let inside = false;
  for (const { x, y } of points) {
    if (y === null || !Number.isFinite(y)) {
      inside = false;
      continue;
    }
    if (!inside) runs.push([]);
    runs.at(-1)?.push({ x, y });
    inside = true;
  }
  return runs;
}

/**
 * The place of the value that is nearest.
 * @param {readonly number[]} values in ascending order, at least one
 * @param {number} wanted
 */
export function nearest(values, wanted) {
  let best = 0;
  for (const [i, value] of values.entries()) {
    if (Math.abs(value - wanted) <= Math.abs((values[best] ?? 0) - wanted)) best = i;
  }
  return best;
}

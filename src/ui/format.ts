const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
const BYTE_STEP = 1024;

/** `1.18 GiB`: three significant digits, binary units. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= BYTE_STEP && unit < BYTE_UNITS.length - 1) {
    value /= BYTE_STEP;
    unit += 1;
  }
  const digits = unit === 0 ? 0 : fractionDigits(value);
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** `2.41 B`, `41.2 k`: counts of parameters and tokens. */
export function formatCount(count: number): string {
  const units: ReadonlyArray<readonly [number, string]> = [
    [1e12, " T"],
    [1e9, " B"],
    [1e6, " M"],
    [1e4, " k"],
  ];
  for (const [size, suffix] of units) {
    const value = count / (size === 1e4 ? 1e3 : size);
    if (count >= size) return `${value.toFixed(fractionDigits(value))}${suffix}`;
  }
  return String(count);
}

/** `850 ms`, `4.2 s`, `3 min 07 s`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** `41.2`: three significant digits. */
export function formatRate(perSecond: number): string {
  return perSecond.toFixed(fractionDigits(perSecond));
}

function fractionDigits(value: number): number {
  if (value >= 100) return 0;
  return value >= 10 ? 1 : 2;
}

/** `0.21 s`, `840 ms`, `1 min 5 s`. @param {number} ms */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return `${minutes} min ${Math.round((ms - minutes * 60_000) / 1000)} s`;
}

/** `1.24 GB`, `312 MB`. @param {number} value */
export function bytes(value) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  let scaled = value;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${plain(scaled)} ${units[unit]}`;
}

/** Three digits that matter. @param {number} value */
export function digits(value) {
  if (value >= 100 || value === 0) return String(Math.round(value));
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The same without zeros at the end: `2`, `1.5`. @param {number} value */
export function plain(value) {
  return String(Number(digits(value)));
}

/** `12 %`. @param {number} share */
export function percent(share) {
  return `${plain(100 * share)} %`;
}

/** `1 token`, `2 tokens`. @param {number} count @param {string} noun */
export function counted(count, noun) {
  return `${count.toLocaleString("en-GB")} ${noun}${count === 1 ? "" : "s"}`;
}

const DAY_MS = 86_400_000;

/** The group of a list that a time belongs to. @param {number} time @param {number} now */
export function dayGroup(time, now) {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (time >= midnight) return "Today";
  if (time >= midnight - DAY_MS) return "Yesterday";
  if (time >= midnight - 7 * DAY_MS) return "Last seven days";
  return "Earlier";
}

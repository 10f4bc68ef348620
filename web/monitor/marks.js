import { svg } from "../lib/dom.js";
import { unbroken } from "./scale.js";

export const HOURS = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit" });
export const SECONDS = /** @type {const} */ ({ ...HOURS, second: "2-digit" });

/** @param {number} time @param {Intl.DateTimeFormatOptions} style */
export function clock(time, style) {
  return new Date(1000 * time).toLocaleTimeString([], { ...style, hour12: false });
}

/**
 * A line with the ground below it tinted, and dots for values that stand alone.
 * @param {readonly { x: number, y: number | null }[]} points in pixels
 * @param {number} ground
 * @param {string} color
 * @returns {SVGElement[]}
 */
export function lineMarks(points, ground, color) {
  return unbroken(points).flatMap((run) => {
    const places = run.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`);
    const [first, last] = [run[0], run.at(-1)];
    if (!first || !last) return [];
    if (first === last) {
      return [svg("circle", { class: `dot ${color}`, cx: first.x, cy: first.y, r: 2 })];
    }
    const path = places.join("L");
    const area = `M${first.x.toFixed(1)},${ground}L${path}L${last.x.toFixed(1)},${ground}Z`;
    return [
      svg("path", { class: `area ${color}`, d: area }),
      svg("path", { class: `line ${color}`, d: `M${path}` }),
    ];
  });
}

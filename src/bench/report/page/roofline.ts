import type { Limits } from "../document.ts";
import {
  axes,
  colorClass,
  element,
  escapeHtml,
  FRAME,
  figure,
  label,
  legendOf,
  logScale,
} from "./svg.ts";

/** A test by what it does with each byte that it reads. */
export interface RooflinePoint {
  readonly name: string;
  readonly operationsPerByte: number;
  readonly operationsPerSecond: number;
}

const GIGA = 1e9;
const ROOM = 3;

/** The machine's limits as a roof, and how far below it each test stays. Both axes are logarithmic. */
export function rooflineChart(
  heading: string,
  { readBytesPerSecond, int8OperationsPerSecond }: Limits,
  points: readonly RooflinePoint[],
): string {
  const peak = int8OperationsPerSecond ?? Number.POSITIVE_INFINITY;
  const ridge = Number.isFinite(peak) ? peak / readBytesPerSecond : 1;
  const intensities = [ridge, ...points.map((point) => point.operationsPerByte)];
  const rates = points.map((point) => point.operationsPerSecond / GIGA);
  const roof = (intensity: number) => Math.min(peak, intensity * readBytesPerSecond) / GIGA;
  const [from, to] = [Math.min(...intensities) / ROOM, Math.max(...intensities) * ROOM];
  const lowest = Math.min(...rates, roof(from)) / 2;
  const { width, height, left, right, top, bottom } = FRAME;
  const x = logScale([from, to], [left, width - right]);
  const y = logScale([lowest, Math.max(...rates, roof(to)) * 2], [height - bottom, top]);
  const corners = [from, Math.min(Math.max(ridge, from), to), to];
  const path = corners.map((one) => `${x.at(one).toFixed(1)},${y.at(roof(one)).toFixed(1)}`);
  const dots = points.map((point, i) => {
    const rate = point.operationsPerSecond / GIGA;
    const title = `${point.name}: ${rate.toPrecision(3)} GOP/s at ${point.operationsPerByte.toPrecision(3)} per byte`;
    const place = { cx: x.at(point.operationsPerByte), cy: y.at(rate), r: 5 };
    const inner = element("title", {}, escapeHtml(title));
    return element("circle", { class: `dot ${colorClass(i)}`, ...place }, inner);
  });
  const slope = `${(readBytesPerSecond / GIGA).toPrecision(3)} GB/s read`;
  const flat = Number.isFinite(peak) ? `${(peak / GIGA).toPrecision(3)} GOP/s int8` : "";
  const marks = [
    axes(FRAME, { x, y }, { x: "operations per byte read", y: "GOP/s" }),
    element("polyline", { class: "roof", points: path.join(" ") }),
    label(x.at(from) + 34, y.at(roof(from)) - 2, slope, "start"),
    label(width - right - 4, y.at(roof(to)) - 7, flat, "end"),
    ...dots,
  ];
  const shares = points.map(({ name, operationsPerByte, operationsPerSecond }) => {
    const share = operationsPerSecond / GIGA / roof(operationsPerByte);
    return `${name} reaches ${(100 * share).toFixed(0)} %`;
  });
  return figure(heading, FRAME, {
    marks: marks.join(""),
    legend: legendOf(points.map(({ name }) => name)),
    summary: `${heading}: ${shares.join(", ")} of what is possible`,
  });
}

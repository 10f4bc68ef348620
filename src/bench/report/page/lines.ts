import {
  axes,
  colorClass,
  element,
  escapeHtml,
  FRAME,
  figure,
  legendOf,
  linearScale,
} from "./svg.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Where the truth may lie. */
  readonly low: number;
  readonly high: number;
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

const ROOM_ABOVE = 1.08;
/** Labels of more values would touch. */
const MAX_OWN_TICKS = 8;

/** Lines through medians, with their intervals; y begins at 0. */
export function lineChart(
  heading: string,
  series: readonly Series[],
  names: { readonly x: string; readonly y: string },
): string {
  const points = series.flatMap((one) => one.points);
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const highest = Math.max(...points.map(({ high }) => high)) * ROOM_ABOVE;
  const { width, height, left, right, top, bottom } = FRAME;
  const [first = 0, last = 0] = [xs[0], xs.at(-1)];
  const margin = (last - first || 1) / 20;
  const x = linearScale(
    [first - margin, last + margin],
    [left, width - right],
    xs.length <= MAX_OWN_TICKS ? xs : undefined,
  );
  const y = linearScale([0, highest], [height - bottom, top]);
  const marks = series.map((one, i) => drawSeries(one, colorClass(i), x.at, y.at));
  const summary = series
    .map(({ name, points: all }) => {
      const values = all.map((point) => `${point.y.toPrecision(3)} at ${point.x}`).join(", ");
      return `${name}: ${values} ${names.x}`;
    })
    .join("; ");
  return figure(heading, FRAME, {
    marks: axes(FRAME, { x, y }, names) + marks.join(""),
    legend: legendOf(series.map(({ name }) => name)),
    summary: `${heading}, ${names.y}. ${summary}`,
  });
}

function drawSeries(
  { name, points }: Series,
  color: string,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const sorted = points.toSorted((a, b) => a.x - b.x);
  const path = sorted.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`);
  const line = element("polyline", { class: `line ${color}`, points: path.join(" ") });
  const dots = sorted.map((point) => {
    const at = x(point.x);
    const title = `${name}, ${point.x}: ${point.y.toPrecision(4)}`;
    const range = { x1: at, x2: at, y1: y(point.low), y2: y(point.high) };
    return (
      element("line", { class: `range ${color}`, ...range }) +
      element(
        "circle",
        { class: `dot ${color}`, cx: at, cy: y(point.y), r: 4 },
        element("title", {}, escapeHtml(title)),
      )
    );
  });
  return line + dots.join("");
}

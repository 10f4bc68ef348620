import type { Latency } from "../document.ts";
import { axes, element, FRAME, figure, label, linearScale } from "./svg.ts";

const ROOM_ABOVE = 1.12;

/** How often each time between two tokens occurred, with its percentiles. */
export function histogramChart(heading: string, latency: Latency): string {
  const { from, to, counts } = latency.histogram;
  const { width, height, left, right, top, bottom } = FRAME;
  const x = linearScale([from, to], [left, width - right]);
  const y = linearScale([0, Math.max(...counts) * ROOM_ABOVE], [height - bottom, top]);
  const step = (to - from) / counts.length;
  const bars = counts.map((count, i) => {
    const begin = x.at(from + i * step);
    const size = { x: begin + 0.5, width: Math.max(0.5, x.at(from + (i + 1) * step) - begin - 1) };
    const box = { ...size, y: y.at(count), height: y.at(0) - y.at(count) };
    return element("rect", { class: "bar s1", ...box });
  });
  const marks = (["p50", "p95", "p99"] as const).map((name, i) => {
    const at = x.at(Math.min(latency[name], to));
    const line = element("line", { class: "mark", x1: at, x2: at, y1: top, y2: y.at(0) });
    return (
      line + label(at + 3, top + 9 + 11 * i, `${name} ${latency[name].toPrecision(3)}`, "start")
    );
  });
  const axisNames = { x: "ms between tokens (the last bar holds all later ones)", y: "tokens" };
  return figure(heading, FRAME, {
    marks: axes(FRAME, { x, y }, axisNames) + bars.join("") + marks.join(""),
    summary: `${heading}: half of the tokens came within ${latency.p50} ms, 99 % within ${latency.p99} ms`,
  });
}

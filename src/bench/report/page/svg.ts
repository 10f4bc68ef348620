/** Text for HTML and SVG, in contents and in attributes. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

type Attributes = Readonly<Record<string, string | number>>;

/** An element. Attributes are escaped, `inner` is markup already. */
export function element(name: string, attributes: Attributes, inner = ""): string {
  const words = Object.entries(attributes).map(([key, value]) => {
    const text = typeof value === "number" ? String(Math.round(value * 100) / 100) : value;
    return ` ${key}="${escapeHtml(text)}"`;
  });
  return `<${name}${words.join("")}>${inner}</${name}>`;
}

/** Where the plot lies in a chart, in pixels. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export const FRAME: Frame = { width: 460, height: 280, left: 56, right: 14, top: 12, bottom: 42 };

/** Maps values to pixels. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

export function linearScale(
  [from, to]: readonly [number, number],
  [begin, end]: readonly [number, number],
  ticks: readonly number[] = niceTicks(from, to),
): Scale {
  const span = to - from || 1;
  return { at: (value) => begin + ((value - from) / span) * (end - begin), ticks };
}

/** So few need ticks between their powers. */
const FEW_DECADES = 2.5;

export function logScale(
  [from, to]: readonly [number, number],
  [begin, end]: readonly [number, number],
): Scale {
  const [low, high] = [Math.log10(from), Math.log10(to)];
  const ticks: number[] = [];
  const steps = high - low < FEW_DECADES ? [1, 2, 5] : [1];
  for (let power = Math.floor(low); power <= high; power += 1) {
    const values = steps.map((step) => step * 10 ** power);
    ticks.push(...values.filter((value) => value >= from && value <= to));
  }
  const at = (value: number) => begin + ((Math.log10(value) - low) / (high - low)) * (end - begin);
  return { at, ticks };
}

const WANTED_TICKS = 5;

/** Steps of 1, 2 or 5 times a power of ten. */
export function niceTicks(from: number, to: number): readonly number[] {
  const rough = (to - from) / WANTED_TICKS || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? power;
  const ticks: number[] = [];
  for (let i = Math.ceil(from / step); i * step <= to + step / 1e6; i += 1) ticks.push(i * step);
  return ticks;
}

/** `1200`, `0.05`, `10k`: short enough for an axis. */
export function tickLabel(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

/** Grid lines, ticks and names of both axes. */
export function axes(
  frame: Frame,
  { x, y }: { readonly x: Scale; readonly y: Scale },
  names: { readonly x: string; readonly y: string },
): string {
  const { width, height, left, right, top, bottom } = frame;
  const [x1, x2, y2] = [left, width - right, height - bottom];
  const rows = y.ticks.map((tick) => {
    const at = y.at(tick);
    const line = element("line", { class: "grid", x1, x2, y1: at, y2: at });
    return line + label(x1 - 6, at + 4, tickLabel(tick), "end");
  });
  const columns = x.ticks.map((tick) => {
    const at = x.at(tick);
    const mark = element("line", { class: "axis", x1: at, x2: at, y1: y2, y2: y2 + 4 });
    return mark + label(at, y2 + 17, tickLabel(tick), "middle");
  });
  const base = element("line", { class: "axis", x1, x2, y1: y2, y2 });
  const middle = (top + y2) / 2;
  const upright = { transform: `rotate(-90 14 ${middle})` };
  return [
    ...rows,
    ...columns,
    base,
    label((x1 + x2) / 2, height - 6, names.x, "middle"),
    element("text", { x: 14, y: middle, "text-anchor": "middle", ...upright }, names.y),
  ].join("");
}

export function label(x: number, y: number, text: string, anchor: "start" | "middle" | "end") {
  return element("text", { x, y, "text-anchor": anchor }, escapeHtml(text));
}

/** A chart with its heading, legend and a sentence for those who cannot see it. */
export function figure(
  heading: string,
  frame: Frame,
  { marks, legend = "", summary }: { marks: string; legend?: string; summary: string },
): string {
  const { width, height } = frame;
  const attributes = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": summary };
  const caption = element("figcaption", {}, escapeHtml(heading));
  return element("figure", {}, caption + legend + element("svg", attributes, marks));
}

const COLORS = 6;

/** Class of the colour of a series. */
export function colorClass(index: number): string {
  return `s${(index % COLORS) + 1}`;
}

/** Names of series with their colours; nothing for a single one. */
export function legendOf(names: readonly string[]): string {
  if (names.length < 2) return "";
  const items = names.map((name, i) => {
    return element("li", {}, element("i", { class: colorClass(i) }) + escapeHtml(name));
  });
  return element("ul", { class: "legend" }, items.join(""));
}

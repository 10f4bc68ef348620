import { h, setText, svg } from "../lib/dom.js";
import { clock, HOURS, lineMarks, SECONDS } from "./marks.js";
import { nearest, niceTicks, timeTicks } from "./scale.js";

/** @import { ChartSpec, Series, Snapshot } from "./stats.js" */

const HEIGHT = 180;
const FRAME = { left: 8, right: 8, top: 22, bottom: 24 };
const TICK_PX = 80;

/** Lines over time. A pointer or the arrow keys pick a moment, whose values are shown. */
export class Chart {
  #spec;
  #svg;
  #cursor = svg("g", { class: "cursor" });
  #readout = h("output", { class: "readout" });
  /** @type {readonly Snapshot[]} */
  #snapshots = [];
  #span = { from: 0, to: 1 };
  #width = 0;
  /** @type {number | undefined} */
  #picked;

  /** @param {ChartSpec} spec */
  constructor(spec) {
    this.#spec = spec;
    this.#svg = svg("svg", { role: "img", tabindex: 0, height: HEIGHT });
    const head = h("div", { class: "chart-head" }, h("figcaption", {}, spec.title), this.#readout);
    const legend = spec.series.map((one, i) => h("li", { class: `s${i + 1}` }, one.name));
    this.element = h(
      "figure",
      { class: "chart" },
      head,
      this.#svg,
      spec.series.length > 1 && h("ul", { class: "legend" }, ...legend),
    );
    this.#svg.addEventListener("pointermove", (event) => this.#point(event));
    this.#svg.addEventListener("pointerleave", () => this.#pick(undefined));
    this.#svg.addEventListener("blur", () => this.#pick(undefined));
    this.#svg.addEventListener("keydown", (event) => this.#step(event));
    new ResizeObserver(([entry]) => {
      const width = Math.round(entry?.contentRect.width ?? 0);
      if (width === this.#width || width === 0) return;
      this.#width = width;
      this.#draw();
    }).observe(this.element.appendChild(h("div")));
  }

  /**
   * @param {readonly Snapshot[]} snapshots
   * @param {{ from: number, to: number }} span of the time axis
   */
  show(snapshots, span) {
    this.#snapshots = snapshots;
    this.#span = span;
    this.#picked = undefined;
    const known = snapshots.some((one) => this.#spec.series.some(({ of }) => of(one) !== null));
    this.element.hidden = !known && this.#spec.title === "Power";
    this.#draw();
  }

  /** @param {number} time */
  #x(time) {
    const { from, to } = this.#span;
    const { left, right } = FRAME;
    return left + ((time - from) / (to - from)) * (this.#width - left - right);
  }

  #ticks() {
    const values = this.#snapshots.flatMap((one) =>
      this.#spec.series.map(({ of }) => of(one) ?? 0),
    );
    return niceTicks(Math.max(this.#spec.least, ...values));
  }

  /** @param {number} value */
  #y(value) {
    const highest = this.#ticks().at(-1) ?? 1;
    const { top, bottom } = FRAME;
    return HEIGHT - bottom - (value / highest) * (HEIGHT - top - bottom);
  }

  #draw() {
    if (this.#width === 0) return;
    const { series } = this.#spec;
    this.#svg.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.#svg.setAttribute("aria-label", this.#summary());
    const lines = series.flatMap((one, i) => this.#line(one, i));
    this.#cursor.replaceChildren();
    this.#svg.replaceChildren(...this.#rows(), ...this.#columns(), ...lines, this.#cursor);
    this.#say();
  }

  #rows() {
    const { left, right } = FRAME;
    return this.#ticks().flatMap((tick) => {
      const y = Math.round(this.#y(tick)) + 0.5;
      const line = svg("line", { class: "grid", x1: left, x2: this.#width - right, y1: y, y2: y });
      return [line, svg("text", { x: left, y: y - 4 }, this.#spec.format(tick))];
    });
  }

  #columns() {
    const { from, to } = this.#span;
    const offset = -60 * new Date(1000 * to).getTimezoneOffset();
    const most = Math.max(2, Math.floor(this.#width / TICK_PX));
    return timeTicks(from, to, most, offset).map((time) => {
      const x = Math.min(Math.max(this.#x(time), 20), this.#width - 20);
      return svg("text", { x, y: HEIGHT - 6, "text-anchor": "middle" }, clock(time, HOURS));
    });
  }

  /** @param {Series} series @param {number} index */
  #line({ of }, index) {
    const points = this.#snapshots.map((one) => {
      const value = of(one);
      return { x: this.#x(one.time), y: value === null ? null : this.#y(value) };
    });
    return lineMarks(points, this.#y(0), `s${index + 1}`);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const { left, right } = FRAME;
    const { from, to } = this.#span;
    const x = event.clientX - this.#svg.getBoundingClientRect().left;
    const time = from + ((x - left) / (this.#width - left - right)) * (to - from);
    if (this.#snapshots.length === 0) return;
    this.#pick(
      nearest(
        this.#snapshots.map((one) => one.time),
        time,
      ),
    );
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || this.#snapshots.length === 0) return;
    event.preventDefault();
    const last = this.#snapshots.length - 1;
    const next = this.#picked === undefined ? last : this.#picked + by;
    this.#pick(Math.min(last, Math.max(0, next)));
  }

  /** @param {number | undefined} index */
  #pick(index) {
    this.#picked = index;
    const one = index === undefined ? undefined : this.#snapshots[index];
    this.#cursor.replaceChildren();
    if (one) {
      const x = this.#x(one.time);
      const marks = this.#spec.series.flatMap(({ of }, i) => {
        const value = of(one);
        if (value === null) return [];
        return [svg("circle", { class: `dot s${i + 1}`, cx: x, cy: this.#y(value), r: 3.5 })];
      });
      const line = svg("line", { x1: x, x2: x, y1: FRAME.top - 8, y2: HEIGHT - FRAME.bottom });
      this.#cursor.append(line, ...marks);
    }
    this.#say();
  }

  /** Shows the values of the moment that is picked; the latest without one. */
  #say() {
    const picked = this.#picked === undefined ? undefined : this.#snapshots[this.#picked];
    const one = picked ?? this.#snapshots.at(-1);
    const values = one ? this.#spec.series.map(({ of }) => this.#value(of(one))) : [];
    const when = picked ? `${clock(picked.time, SECONDS)}  ` : "";
    setText(this.#readout, when + values.join(" / "));
  }

  /** @param {number | null} value */
  #value(value) {
    return value === null ? "\u2013" : this.#spec.format(value);
  }

  #summary() {
    const { title, series } = this.#spec;
    const parts = series.map(({ name, of }) => {
      const values = this.#snapshots.map(of).filter((value) => value !== null);
      if (values.length === 0) return `${name}: nothing measured`;
      const [least, most] = [Math.min(...values), Math.max(...values)].map((value) =>
        this.#value(value),
      );
      return `${name}: now ${this.#value(values.at(-1) ?? null)}, from ${least} to ${most}`;
    });
    return `${title}. ${parts.join("; ")}. The arrow keys pick a moment.`;
  }
}

import { ApiError, explain } from "../api/problems.js";
import { byId, h, setText } from "../lib/dom.js";
import { counted, duration } from "../lib/format.js";
import { icon } from "../lib/icons.js";
import { preference, setPreference } from "../lib/preferences.js";
import { toast } from "../lib/toast.js";
import { Chart } from "./chart.js";
import { CHARTS, tilesOf } from "./stats.js";

/** @import { Client } from "../api/client.js" */
/** @import { Alert, Stats } from "./stats.js" */

const WINDOWS = /** @type {const} */ ([
  ["15m", "15 min"],
  ["1h", "1 hour"],
  ["6h", "6 hours"],
  ["24h", "1 day"],
]);
const EVERY_MS = 5000;

/** What the server does, in figures and charts. */
export class MonitorView {
  #client;
  #askKey;
  #shown = false;
  #window = WINDOWS.find(([name]) => name === preference("window"))?.[0] ?? "15m";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #charts = CHARTS.map((spec) => new Chart(spec));
  #since = h("p", { class: "help" });
  #problem = h("div", { class: "problem", role: "status", hidden: true });
  #alerts = h("div", { class: "alerts", role: "status" });
  #tiles = h("dl", { class: "tiles" });
  #security = h("p", { class: "help" });

  /** @param {Client} client @param {{ askKey: () => Promise<boolean> }} hooks */
  constructor(client, { askKey }) {
    this.#client = client;
    this.#askKey = askKey;
    const charts = h("div", { class: "charts" }, ...this.#charts.map(({ element }) => element));
    const title = h("div", {}, h("h1", {}, "Monitor"), this.#since);
    const head = h("div", { class: "monitor-head" }, title, this.#choice(), this.#exportButton());
    const parts = [head, this.#problem, this.#alerts, this.#tiles, charts, this.#security];
    byId("view-monitor").append(h("div", { class: "monitor-column" }, ...parts));
    document.addEventListener("visibilitychange", () => this.setShown(this.#shown));
  }

  /** @param {boolean} shown */
  setShown(shown) {
    this.#shown = shown;
    clearTimeout(this.#timer);
    if (shown && !document.hidden) void this.#refresh();
  }

  #choice() {
    const radios = WINDOWS.map(([name, label]) => {
      const checked = name === this.#window;
      const input = h("input", { type: "radio", name: "window", value: name, checked });
      input.addEventListener("change", () => {
        this.#window = name;
        setPreference("window", name);
        this.setShown(true);
      });
      return h("label", {}, input, h("span", {}, label));
    });
    return h("fieldset", { class: "choice" }, h("legend", { class: "hidden" }, "Time"), ...radios);
  }

  #exportButton() {
    const button = h("button", {
      type: "button",
      class: "ghost labelled",
      title: "Export all figures as JSON",
      onclick: () => this.#export(),
    });
    button.append(icon("download"), h("span", {}, "Export"));
    return button;
  }

  async #refresh() {
    const asked = this.#window;
    try {
      const stats = await this.#client.get(`v1/stats?window=${asked}`);
      if (asked === this.#window) this.#show(stats);
    } catch (error) {
      this.#showProblem(error);
      if (error instanceof ApiError && error.status === 401 && (await this.#askKey())) {
        return this.setShown(this.#shown);
      }
    }
    clearTimeout(this.#timer);
    if (this.#shown) this.#timer = setTimeout(() => void this.#refresh(), EVERY_MS);
  }

  /** @param {Stats} stats */
  #show(stats) {
    this.#problem.hidden = true;
    const to = stats.time;
    for (const chart of this.#charts) {
      chart.show(stats.snapshots, { from: to - stats.window_seconds, to });
    }
    setText(this.#since, `Running for ${duration(1000 * stats.uptime_seconds)}`);
    const tiles = tilesOf(stats).map(({ value, name, note }) => {
      return h("div", {}, h("dt", {}, name), h("dd", {}, value), h("dd", { class: "note" }, note));
    });
    this.#tiles.replaceChildren(...tiles);
    this.#showAlerts(stats.alerts);
    setText(this.#security, securityOf(stats));
  }

  /** @param {readonly Alert[]} alerts */
  #showAlerts(alerts) {
    const shown = JSON.stringify(alerts);
    if (this.#alerts.dataset["shown"] === shown) return;
    this.#alerts.dataset["shown"] = shown;
    const active = alerts.filter(({ recovered }) => recovered === null);
    const past = alerts.filter(({ recovered }) => recovered !== null);
    const items = past.map((alert) => h("li", {}, whenOf(alert)));
    this.#alerts.replaceChildren(
      ...active.map((alert) => {
        const words = h(
          "div",
          {},
          h("strong", {}, alert.message),
          h("p", {}, whenOf(alert, false)),
        );
        return h("div", { class: `alert ${alert.severity}` }, icon("warning"), words);
      }),
      ...(past.length > 0
        ? [
            h(
              "details",
              {},
              h("summary", {}, counted(past.length, "past alert")),
              h("ul", {}, ...items),
            ),
          ]
        : []),
    );
  }

  /** @param {unknown} error */
  #showProblem(error) {
    const { title, advice } =
      error instanceof ApiError && error.status === 404
        ? { title: "This server keeps no statistics", advice: "It may be of an older version." }
        : explain(error);
    this.#problem.hidden = false;
    const words = h("div", {}, h("strong", {}, title), h("p", {}, advice));
    this.#problem.replaceChildren(icon("warning"), words);
  }

  async #export() {
    try {
      const stats = await this.#client.get("v1/stats/export");
      const text = JSON.stringify(stats, undefined, 2);
      const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      h("a", { href: address, download: "bitnet-stats.json" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      toast(explain(error).title);
    }
  }
}

/** @param {Alert} alert @param {boolean} [withMessage] */
function whenOf({ message, started, recovered }, withMessage = true) {
  const clock = (/** @type {number} */ time) => new Date(1000 * time).toLocaleTimeString();
  const end =
    recovered === null ? `Since ${clock(started)}` : `${clock(started)} to ${clock(recovered)}`;
  return withMessage ? `${end}: ${message}` : end;
}

/** @param {Stats} stats */
function securityOf({ security: { clients, requests, blocked, blocked_by_code: codes } }) {
  const reasons = Object.entries(codes).map(([code, count]) => `${code} ${count}`);
  const why = reasons.length > 0 ? ` (${reasons.join(", ")})` : "";
  return `In the last hour: ${counted(requests, "request")} of ${counted(clients, "client")}, ${blocked} refused${why}.`;
}

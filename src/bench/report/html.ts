import { resultRows } from "./columns.ts";
import type { BenchReport } from "./document.ts";
import { headingOf, notesOf } from "./notes.ts";
import { chartsOf, headlines } from "./page/charts.ts";
import { STYLE } from "./page/style.ts";
import { element, escapeHtml } from "./page/svg.ts";
import { promptRows, promptSummary } from "./prompts.ts";

/** A page that is complete in itself: no script, nothing to load. */
export function htmlReport(report: BenchReport): string {
  const names = report.models.map(({ name }) => name).join(", ");
  const title = `bitnet bench: ${names}`;
  const tiles = headlines(report).map(([figure, what]) => {
    return element("div", {}, `${element("b", {}, escapeHtml(figure))}${escapeHtml(what)}`);
  });
  const charts = chartsOf(report);
  const notes = notesOf(report).map((note) => element("li", {}, escapeHtml(note)));
  const summary = promptSummary(report);
  const body = [
    element("h1", {}, escapeHtml(title)),
    element("p", { class: "quiet" }, escapeHtml(headingOf(report))),
    element("div", { class: "tiles" }, tiles.join("")),
    ...(charts.length > 0
      ? [
          element("h2", {}, "Charts"),
          element("p", { class: "quiet" }, "Medians; the bars behind points hold 95 % intervals."),
          element("div", { class: "charts" }, charts.join("\n")),
        ]
      : []),
    table("Results", resultRows(report)),
    table("Prompts", promptRows(report)),
    summary === undefined ? "" : element("p", {}, escapeHtml(summary)),
    element("h2", {}, "Notes"),
    element("ul", { class: "notes" }, notes.join("")),
  ].join("\n");
  return [
    "<!doctype html>",
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    element("title", {}, escapeHtml(title)),
    `<style>${STYLE}</style>`,
    body,
    "</html>",
    "",
  ].join("\n");
}

function table(heading: string, rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows;
  if (head === undefined || body.length === 0) return "";
  const row = (name: "th" | "td", cells: readonly string[]) =>
    element("tr", {}, cells.map((cell) => element(name, {}, escapeHtml(cell))).join(""));
  const lines = [element("thead", {}, row("th", head)), ...body.map((cells) => row("td", cells))];
  const content = element("table", {}, lines.join("\n"));
  return element("h2", {}, heading) + element("div", { class: "wide" }, content);
}

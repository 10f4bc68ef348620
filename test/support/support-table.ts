import {
  FAMILIES,
  type FamilyRow,
  FORMATS,
  type FormatRow,
  outcomeOf,
  type Scales,
  type Witness,
} from "./support-matrix.ts";

// The tables of README.md, from the rows that the tests walk through.

const SCALES: Readonly<Record<Scales, string>> = {
  "one-bf16": "bf16 per matrix",
  "one-f32": "f32 per matrix",
  "rows-f16": "f16 per row",
  "groups-f16": "f16 per 128 weights",
};

const WITNESSES: Readonly<Record<Witness, string>> = {
  files: "files or logits",
  bytes: "packed bytes",
  description: "**none**",
};

/** Both tables as Markdown, lines without the last line feed. */
export function supportTables(): string {
  return [
    table(
      ["format", "for", "read and run", "write", "scales kept to the bit", "second witness"],
      FORMATS.map(formatCells),
    ),
    table(
      ["family", "models", "scales", "converts without loss into", "second witness"],
      FAMILIES.map(familyCells),
    ),
  ].join("\n\n");
}

function formatCells(row: FormatRow): readonly string[] {
  const { format, container, holds, reads, writes, keeps, witness } = row;
  return [
    container === "GGUF" ? format : `${container}: ${format}`,
    holds === "both" ? "all" : holds,
    reads ? "yes" : "no",
    writes === undefined ? "no" : `\`${flagOf(row)} ${writes}\``,
    keptScales(keeps),
    WITNESSES[witness],
  ];
}

function flagOf({ holds }: FormatRow): string {
  return holds === "embeddings" ? "--embd-type" : "--outtype";
}

/** A format that keeps f32 numbers keeps bf16 ones. */
function keptScales(keeps: readonly Scales[]): string {
  const named = keeps.filter((one) => one !== "one-bf16" || !keeps.includes("one-f32"));
  return named.map((one) => SCALES[one]).join(", ") || "-";
}

function familyCells(row: FamilyRow): readonly string[] {
  const exact = FORMATS.filter((format) => outcomeOf(row, format) === "exact");
  const names = exact.map(({ writes }) => writes).filter((one) => one !== undefined);
  const vectors = row.embeds ? " (vectors)" : "";
  return [
    `\`${row.family}\``,
    `${row.models}${vectors}`,
    SCALES[row.scales],
    [...new Set(names)].join(", "),
    WITNESSES[row.witness],
  ];
}

/** In the layout that Markdown formatters leave alone: columns aligned, one space around. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `|${widths.map((width, i) => ` ${(cells[i] ?? "").padEnd(width)} `).join("|")}|`;
  const rule = widths.map((width) => "-".repeat(width));
  return [header, rule, ...rows].map(line).join("\n");
}

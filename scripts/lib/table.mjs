/**
 * A table in Markdown; columns of numbers are aligned to the right.
 * @param {readonly string[]} columns
 * @param {readonly (readonly string[])[]} rows
 */
export function formatTable(columns, rows) {
  const isNumber = columns.map((_, i) => rows.every((row) => /^[-\d. %]*$/.test(row[i] ?? "")));
  const widths = columns.map((name, i) =>
    Math.max(3, name.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  /** @param {readonly string[]} cells */
  const line = (cells) => {
    const padded = widths.map((width, i) =>
      isNumber[i] ? (cells[i] ?? "").padStart(width) : (cells[i] ?? "").padEnd(width),
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, i) =>
    isNumber[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  return [line(columns), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

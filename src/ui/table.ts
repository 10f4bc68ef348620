export interface TableOptions {
  /** Spaces before each line. */
  readonly indent?: number;
  /** The first row names the columns. */
  readonly header?: boolean;
}

const NUMERIC = /^-?[\d.,]+( ?([KMGT]iB|[kMBT%]))?$/;

/** Rows of cells as aligned columns; columns of numbers are set flush right. */
export function formatTable(
  rows: ReadonlyArray<readonly string[]>,
  { indent = 2, header = false }: TableOptions = {},
): string[] {
  const body = header ? rows.slice(1) : rows;
  const nColumns = Math.max(0, ...rows.map((row) => row.length));
  const columns = Array.from({ length: nColumns }, (_, column) => ({
    width: Math.max(...rows.map((row) => (row[column] ?? "").length)),
    numeric: column > 0 && body.every((row) => NUMERIC.test(row[column] || "0")),
  }));
  return rows.map((row) => {
    const cells = columns.map(({ width, numeric }, column) => {
      const cell = row[column] ?? "";
      return numeric ? cell.padStart(width) : cell.padEnd(width);
    });
    return (" ".repeat(indent) + cells.join("  ")).trimEnd();
  });
}

import { importScript } from "../run-script.ts";
import { DOCUMENTS, type Document } from "./documents.ts";
import { type Field, fieldsOf } from "./schema.ts";

const { formatTable } = await importScript<{
  formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string;
}>("lib/table.mjs");

/** The tables of docs/JSON.md, one per output, without the last line feed. */
export function jsonTables(): string {
  const documents: readonly Document[] = Object.values(DOCUMENTS);
  return documents.map(section).join("\n\n");
}

function section({ command, says, schema }: Document): string {
  const title = command.startsWith("any ") ? "Errors" : `\`bitnet ${command}\``;
  const rows = fieldsOf(schema).map(row);
  return [`### ${title}`, "", says, "", formatTable(["field", "type", "is"], rows)].join("\n");
}

function row({ path, type, optional, description }: Field): readonly string[] {
  const cells = [`\`${path}\`${optional ? " (may be absent)" : ""}`, type, description || "-"];
  return cells.map((cell) => cell.replaceAll("|", "\\|"));
}

/** Every field of every output, one a line: `run: usage.promptTokens integer`. */
export function fieldLines(): readonly string[] {
  return Object.entries<Document>(DOCUMENTS).flatMap(([name, { schema }]) =>
    fieldsOf(schema).map(({ path, type }) => `${name}: ${path} ${type}`),
  );
}

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { optionKeys } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands/index.ts";
import { DOCUMENTS } from "../../support/json/documents.ts";
import { fieldLines, jsonTables } from "../../support/json/page.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PAGE = `${ROOT}docs/JSON.md`;
const RECORD = `${ROOT}test/support/json/fields.txt`;
const BEGIN = "<!-- made by scripts/json-tables.mjs -->";
const END = "<!-- end of what is made -->";
const UPDATE = process.env["BITNET_UPDATE_README"] !== undefined;

describe("docs/JSON.md", () => {
  it("says what the schemas say", () => {
    const page = readFileSync(PAGE, "utf8");
    const [before, rest] = page.split(BEGIN);
    const after = rest?.split(END)[1];
    if (before === undefined || after === undefined)
      throw new Error("docs/JSON.md lost its markers");
    const expected = `${before}${BEGIN}\n\n${jsonTables()}\n\n${END}${after}`;
    if (UPDATE) writeFileSync(PAGE, expected);
    else expect(page, "run: node scripts/json-tables.mjs").toBe(expected);
  });

  it("has every command that has --json", async () => {
    const documented = new Set(Object.keys(DOCUMENTS).map((name) => name.split(" ")[0]));
    for (const { name, load } of COMMANDS) {
      const keys: readonly string[] = optionKeys(await load());
      if (keys.includes("json")) expect(documented, name).toContain(name);
    }
  });
});

it("fields are only ever added: none of the record is gone, or has another type", () => {
  const recorded = readFileSync(RECORD, "utf8").split("\n").filter(Boolean);
  const present = fieldLines();
  // Whoever reads our output relies on them: a field that is wrong stays, and a new one comes beside it.
  expect(recorded.filter((line) => !present.includes(line))).toEqual([]);
  const added = present.filter((line) => !recorded.includes(line));
  if (UPDATE) writeFileSync(RECORD, `${[...recorded, ...new Set(added)].join("\n")}\n`);
  else expect(added, "run: node scripts/json-tables.mjs").toEqual([]);
});

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ENCODINGS, I2S_LAYOUTS } from "../../../src/checkpoint/encodings.ts";
import { EMBD_TYPES, OUT_TYPES } from "../../../src/convert/out-types.ts";
import { FAMILIES, FORMATS } from "../../support/support-matrix.ts";
import { supportTables } from "../../support/support-table.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const README = `${ROOT}README.md`;
const BEGIN = "<!-- support tables: made by scripts/support-tables.mjs -->";
const END = "<!-- end of the support tables -->";

/** The README with the tables in their place. */
function withTables(text: string): string {
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("README.md lost its markers");
  return `${before}${BEGIN}\n\n${supportTables()}\n\n${END}${after}`;
}

describe("the support tables of README.md", () => {
  it("say what the tests prove", () => {
    const text = readFileSync(README, "utf8");
    const expected = withTables(text);
    if (process.env["BITNET_UPDATE_README"]) writeFileSync(README, expected);
    else expect(text, "run: node scripts/support-tables.mjs").toBe(expected);
  });

  it("have a proof for every row", () => {
    for (const { provedBy } of [...FORMATS, ...FAMILIES]) {
      expect(provedBy.length).toBeGreaterThan(0);
      for (const path of provedBy) expect(existsSync(ROOT + path), path).toBe(true);
    }
  });

  it("have a row for everything that is read or written", () => {
    const known = new Set(FORMATS.flatMap(({ encodings }) => encodings));
    expect([...known].sort()).toEqual(Object.keys(ENCODINGS).sort());
    const written = new Set(FORMATS.flatMap(({ writes }) => (writes ? [writes] : [])));
    const types = new Set([...Object.keys(OUT_TYPES), ...EMBD_TYPES]);
    expect([...written].sort()).toEqual([...types].sort());
  });
});

it("docs/FORMATS.md names every type and layout", () => {
  const text = readFileSync(`${ROOT}docs/FORMATS.md`, "utf8").toUpperCase();
  const types = Object.values(ENCODINGS).flatMap(({ ggufTypes }) => ggufTypes.slice(0, 1));
  for (const name of [...types, ...Object.keys(I2S_LAYOUTS)]) {
    expect(text).toContain(name.toUpperCase());
  }
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { importScript } from "../../support/run-script.ts";

interface Case {
  model: string;
  label: string;
  what: Record<string, unknown>;
}
const { casesOf } = await importScript<{
  casesOf(
    shape: Record<string, unknown>,
    options: { ms: number[]; depths: number[]; kvType: string },
  ): Case[];
}>("bench-kernels/cases.mjs");
const { formatTable } = await importScript<{
  formatTable(columns: string[], rows: string[][]): string;
}>("lib/table.mjs");

const path = new URL("../../../scripts/bench-kernels/shapes.json", import.meta.url);
const shapes = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>[];
const shapeOf = (model: string) => shapes.find((shape) => shape["model"] === model) ?? {};

describe("casesOf", () => {
  it("names each shape of a model once, per number of rows", () => {
    const cases = casesOf(shapeOf("2B4T"), { ms: [1, 512], depths: [4096], kvType: "f16" });
    expect(cases.map(({ label }) => label)).toEqual([
      "q o 2560 x 2560, m 1",
      "k v 640 x 2560, m 1",
      "gate up 6912 x 2560, m 1",
      "down 2560 x 6912, m 1",
      "q o 2560 x 2560, m 512",
      "k v 640 x 2560, m 512",
      "gate up 6912 x 2560, m 512",
      "down 2560 x 6912, m 512",
      "head 128256 x 2560, m 1",
      "attention f16, depth 4096",
      "attention f16, prompt 512",
    ]);
  });

  it("takes a ternary head for a product, decoding only", () => {
    const cases = casesOf(shapeOf("Bonsai-8B"), { ms: [1, 512], depths: [], kvType: "f16" });
    const heads = cases.filter(({ label }) => label.startsWith("head"));
    expect(heads.map(({ what }) => what)).toEqual([
      { what: "ternary", n: 151669, k: 4096, m: 1, group: 128 },
    ]);
  });
});

describe("formatTable", () => {
  it("aligns numbers to the right and words to the left", () => {
    const rows = [
      ["q", "12.5", "7 %"],
      ["gate", "3.0", ""],
    ];
    expect(formatTable(["case", "us", "share"], rows)).toBe(
      [
        "| case |   us | share |",
        "| ---- | ---: | ----: |",
        "| q    | 12.5 |   7 % |",
        "| gate |  3.0 |       |",
      ].join("\n"),
    );
  });
});

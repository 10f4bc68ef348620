import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bundledModelPath } from "../../src/engine/bundled.ts";
import { readGguf } from "../../src/gguf/reader.ts";
import type { GgufTensor } from "../../src/gguf/types.ts";
import { runCli } from "../support/cli.ts";
import { editGguf } from "../support/edit-gguf.ts";
import { tensorData } from "../support/gguf.ts";
import { goldenPath } from "../support/golden.ts";
import { inLayout, LAYOUTS, type LayoutName } from "../support/i2s-layouts.ts";

const TRAINED = bundledModelPath();
const RANDOM = goldenPath("gguf/a.i2_s.gguf");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bitnet-probe-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function probe(model: string, ...args: string[]) {
  const result = await runCli(["info", model, "--probe", "--json", ...args]);
  if (result.status !== 0) expect.unreachable(result.stderr);
  const warnings = result.stderr.split("\n").filter((line) => /^(warning|hint):/.test(line));
  return { ...JSON.parse(result.stdout).probe, warnings };
}

/** Bytes of all weights; the 28 behind the scale of an I2_S tensor mean nothing. */
async function weightsOf(model: string): Promise<Record<string, string>> {
  const file = await readGguf(model);
  const payload = ({ name, type }: GgufTensor) => {
    const bytes = tensorData(file, name);
    return bytes.subarray(0, type.name === "I2_S" ? -28 : undefined).toString("base64");
  };
  return Object.fromEntries(file.tensors.map((tensor) => [tensor.name, payload(tensor)]));
}

async function reencoded(model: string, layout: LayoutName): Promise<string> {
  const path = join(folder, `${layout}.gguf`);
  await editGguf(model, path, { bytes: (tensor, bytes) => inLayout(tensor, bytes, layout) });
  return path;
}

describe("bitnet info --probe", () => {
  // Every layout is found, warned of where it is not the setting, and mended by convert.
  it.each(LAYOUTS)("tells that the trained model has the layout %s", async (layout) => {
    const path = await reencoded(TRAINED, layout);
    const found = await probe(path);
    expect(found).toMatchObject({ setting: "group128", fits: layout });
    expect(found.layouts.map((row: { layout: string }) => row.layout)).toEqual(LAYOUTS);
    const warnings = [
      `warning: the weights of ${path} have the layout ${layout}, and are read as group128`,
      `hint: pass --i2s-layout ${layout}, or mend the file: bitnet convert ${path} --i2s-layout ${layout}`,
    ];
    expect(found.warnings).toEqual(layout === "group128" ? [] : warnings);
    const told = await probe(path, "--i2s-layout", layout);
    expect(told).toMatchObject({ setting: layout, fits: layout, warnings: [] });
    const mended = join(folder, "mended.gguf");
    const args = ["convert", path, "-q", "-o", mended, "--i2s-layout", layout];
    expect((await runCli(args)).status).toBe(0);
    expect(await weightsOf(mended)).toEqual(await weightsOf(TRAINED));
  });

  it("follows the layout that the file names", async () => {
    const path = join(folder, "named.gguf");
    const layout = { type: "string", value: "row4" } as const;
    await editGguf(TRAINED, path, {
      metadata: { "bitnet.i2_s.layout": layout },
      bytes: (tensor, bytes) => inLayout(tensor, bytes, "row4"),
    });
    expect(await probe(path)).toMatchObject({ setting: "row4", fits: "row4", warnings: [] });
  });

  it("takes a text of the user's", async () => {
    const file = join(folder, "story.txt");
    const story = ["run", "-q", "-p", "Once upon a time", "-n", "200", "--seed", "1"];
    writeFileSync(file, (await runCli(story)).stdout);
    const { layouts, fits } = await probe(TRAINED, "--text", file);
    expect(fits).toBe("group128");
    // It tells its own stories far better than ours.
    expect(layouts[0].perplexity).toBeLessThan(20);
  });

  it("says so when no layout stands out", async () => {
    const { status, stdout, stderr } = await runCli(["info", RANDOM, "--probe"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^Layouts of the I2_S weights\n {2}layout +perplexity\n {2}group128 +[\d.]+ {2}set\n {2}group64 /,
    );
    expect(stdout).not.toContain("fits");
    expect(stderr).toMatch(/\nwarning: no layout stands out: .*\nhint: .* --text FILE\n$/);
  });

  it.each([
    [["info", RANDOM, "--text", "x"], 2, /^error: --text needs --probe\nhint: add --probe/],
    [["info", RANDOM, "--probe", "--text", "/nonexistent"], 3, /^error: cannot read \/nonexistent/],
    [["info", goldenPath("gguf/d.q2_0.gguf"), "--probe"], 2, /holds no I2_S weights: .*\nhint: /],
    [["info", goldenPath("models/a-packed"), "--probe"], 2, /holds no I2_S weights/],
  ])("%j", async (args, status, message) => {
    const result = await runCli(args);
    expect(result).toEqual({ status, stdout: "", stderr: expect.stringMatching(message) });
  });

  it("of a text of a few words is refused", async () => {
    const file = join(folder, "short.txt");
    writeFileSync(file, "the king");
    const { status, stderr } = await runCli(["info", RANDOM, "-q", "--probe", "--text", file]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: a text of \d+ tokens is too short to measure\nhint: /);
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineCommand } from "../../../src/cli/command.ts";
import { OPTIONS, type OptionSpec } from "../../../src/cli/options.ts";
import { buildProgram } from "../../../src/cli/program.ts";
import { applySettings, type Origins, SETTINGS } from "../../../src/cli/settings.ts";

const KEYS = ["threads", "topK", "stop", "mmap", "temperature"] as const;
const probe = defineCommand({
  description: "probe",
  options: KEYS,
  examples: [],
  run: async () => undefined,
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bitnet-settings-"));
  await writeFile(
    join(folder, "bitnet.config.json"),
    '{"threads": 2, "topK": 2, "stop": ["a"], "mmap": true}',
  );
});
afterAll(() => rm(folder, { recursive: true }));

async function resolve(args: string[], env: Record<string, string> = {}) {
  let origins: Origins = {};
  let values: Record<string, unknown> = {};
  const program = buildProgram({
    version: "0",
    commands: [{ name: "probe", summary: "", load: async () => probe }],
    called: { name: "probe", command: probe },
    write: () => undefined,
    width: 80,
    color: false,
    act: async (parsed) => {
      const where = { env: { XDG_CONFIG_HOME: "/nonexistent", ...env }, cwd: folder };
      origins = await applySettings(parsed, KEYS, where);
      values = parsed.opts();
    },
  });
  await program.parseAsync(["probe", ...args], { from: "user" });
  return { values, origins };
}

describe("flag > environment > file > default", () => {
  it("with the origin of each", async () => {
    const { values, origins } = await resolve(["-t", "4"], {
      BITNET_THREADS: "3",
      BITNET_TOP_K: "3",
    });
    expect(values).toMatchObject({
      threads: 4,
      topK: 3,
      stop: ["a"],
      mmap: true,
      temperature: 0.8,
    });
    expect(origins).toEqual({
      threads: "--threads",
      topK: "BITNET_TOP_K",
      stop: "bitnet.config.json:1",
      mmap: "bitnet.config.json:1",
      temperature: "default",
    });
  });

  it("a flag that equals the default still counts as given", async () => {
    const { values, origins } = await resolve(["--top-k", "40"]);
    expect(values["topK"]).toBe(40);
    expect(origins.topK).toBe("--top-k");
  });

  it("a list on the command line replaces that of the file", async () => {
    const { values } = await resolve(["--stop", "b", "--stop", "c"]);
    expect(values["stop"]).toEqual(["b", "c"]);
  });

  it("--no-mmap takes back what the file sets", async () => {
    const { values, origins } = await resolve(["--no-mmap"]);
    expect(values["mmap"]).toBe(false);
    expect(origins.mmap).toBe("--mmap");
  });
});

it("every default is a value that its own option accepts", () => {
  for (const spec of Object.values(OPTIONS) as OptionSpec[]) {
    if (!spec.type || spec.fallback === undefined || spec.repeatable) continue;
    expect(spec.type.parse(String(spec.fallback)), spec.flags).toEqual(spec.fallback);
  }
});

it("no two settings share a variable", () => {
  const names = [...SETTINGS.values()].map(({ env }) => env);
  expect(new Set(names).size).toBe(names.length);
  expect(names).not.toContain("BITNET_KERNEL"); // the engine's own
});

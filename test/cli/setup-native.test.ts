import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { tempDir } from "../support/temp-dir.ts";

// That a build is made, is right and is used is checked by scripts/check-native-setup.mjs: it takes
// minutes.

it("setup --native shows the compiler's own words when it fails, and keeps nothing", async () => {
  const folder = tempDir();
  const compiler = join(folder, "c++");
  writeFileSync(
    compiler,
    '#!/bin/sh\necho "thing.cpp:1: error: this compiler is broken" >&2\nexit 1\n',
  );
  chmodSync(compiler, 0o755);
  const env = { XDG_CACHE_HOME: join(folder, "cache"), CXX: compiler };
  const options = { env, cwd: folder };
  const { status, stdout, stderr } = await runCli(["setup", "--native", "-ld", "logs"], options);
  expect({ status, stdout }).toEqual({ status: 8, stdout: "" });
  expect(stderr).toMatch(/^error: the kernels could not be compiled\n/m);
  expect(stderr).toContain("this compiler is broken");
  expect(stderr).toMatch(/^hint: the kernels that came with the package stay in use/m);
  expect(readFileSync(join(folder, "logs/compile.log"), "utf8")).toContain(
    "this compiler is broken",
  );
  expect(existsSync(join(folder, "cache/bitnet/native/manifest.json"))).toBe(false);
});

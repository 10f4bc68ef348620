import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fileTree, runScript } from "../../support/run-script.ts";

/** A kernel file whose table holds one pointer, and what it points to. */
function kernel(code: string, entry: string): string {
  return `${code}
    namespace bitnet {
    extern void* const kTestTable[1];
    void* const kTestTable[1] = {(void*)(${entry})};
    }`;
}

/** Compiles `code` as a kernel target and runs the check over it. */
function check(code: string): { status: number; text: string } {
  using tree = fileTree({ "native/kernels/test.cpp": code });
  const file = join(tree.path, "native/kernels/test.cpp");
  const output = join(tree.path, "test.o");
  const compiled = spawnSync("g++", ["-std=c++20", "-O1", "-fPIC", "-c", file, "-o", output], {
    encoding: "utf8",
  });
  expect(compiled.stderr).toBe("");
  writeFileSync(
    join(tree.path, "compile_commands.json"),
    JSON.stringify([{ directory: tree.path, file, command: `g++ -o ${output} -c ${file}` }]),
  );
  return runScript("check-kernel-objects.mjs", ["--build", tree.path]);
}

const PARENT = "namespace bitnet { extern const int kParentTable; }";

describe("kernel object", () => {
  it("may define its table, use a parent's, and keep the rest to itself", () => {
    const code = kernel(`${PARENT} static int f() { return bitnet::kParentTable; }`, "f");
    expect(check(code)).toEqual({ status: 0, text: "kernel objects: 1 checked, 0 problems\n" });
  });

  it.each([
    [
      "hold a weak function",
      kernel("inline int leak() { return 1; }", "leak"),
      "weak symbol (W) leak()",
    ],
    [
      "hold a second external symbol",
      kernel("int helper() { return 1; }", "helper"),
      "external symbol (T) helper()",
    ],
    ["lack a table", "int helper() { return 1; }", "0 kernel tables, expected 1"],
    [
      "call an inexact libm function",
      kernel('extern "C" float expf(float);', "expf"),
      "reference to expf",
    ],
  ])("must not %s", (_, code, message) => {
    const result = check(code);
    expect(result.text).toContain(message);
    expect(result.status).toBe(1);
  });
});

it("fails when there is no object", () => {
  using tree = fileTree({ "compile_commands.json": "[]" });
  expect(runScript("check-kernel-objects.mjs", ["--build", tree.path]).status).toBe(1);
});

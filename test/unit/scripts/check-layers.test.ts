import { describe, expect, it } from "vitest";
import { fileTree, importScript, runScript } from "../../support/run-script.ts";

const GOOD = {
  "bin/bitnet.js": 'import { main } from "../dist/cli/main.js";\nawait main(process.argv);\n',
  "src/errors.ts": "export const x = 1;\n",
  "src/index.ts": 'export { open } from "./engine/model.ts";\n',
  "src/cli/main.ts": 'import { write } from "../ui/output.ts";\nprocess.exitCode = write();\n',
  "src/ui/output.ts": 'export const write = () => Number(process.stdout.write("x"));\n',
  "src/engine/model.ts": 'import "../gguf/types.ts";\nexport const open = 1;\n',
  "src/gguf/types.ts": 'import { readFile } from "node:fs/promises";\nvoid readFile;\n',
  "native/base/error.h": "#pragma once\n#include <string>\n",
  "native/cpu/feature_bits.h": "#include <stdint.h>\n",
  "native/kernels/kernel_table.h": '#include <stddef.h>\n#include "cpu/feature_bits.h"\n',
  "native/kernels/dispatch.h": '#include <string>\n#include "kernels/kernel_table.h"\n',
  "native/kernels/generic/gemv-inl.h": '#include "kernels/kernel_table.h"\n',
  "native/kernels/x86/avx2.cpp": '#include <immintrin.h>\n#include "kernels/generic/gemv-inl.h"\n',
  "native/engine/engine.cpp":
    '#include "kernels/dispatch.h"\n// printf("in a comment")\nconst char* s = "abort()"; int v = snprintf(0, 0, s);\n',
  "native/addon/addon.cpp": '#include <napi.h>\n#include "engine/engine.h"\n',
  "native/engine/engine.h": '#include "base/error.h"\n',
  "native/selftest/main.cpp": '#include <cstdio>\nint main() { printf("0 passed"); exit(1); }\n',
};

const { checkLayers } = await importScript<{
  checkLayers(root: string): { files: number; violations: string[] };
}>("check-layers.mjs");

function check(changes: Record<string, string>): { files: number; violations: string[] } {
  using tree = fileTree({ ...GOOD, ...changes });
  return checkLayers(tree.path);
}

it("passes a tree that keeps the rules", () => {
  expect(check({})).toEqual({ files: Object.keys(GOOD).length, violations: [] });
});

const BAD: Record<string, Record<string, [file: string, text: string]>> = {
  "TypeScript must not": {
    "import upwards": ["src/gguf/x.ts", 'import "../engine/model.ts";'],
    "import upwards by type": ["src/gguf/x.ts", 'import type { A } from "../cli/main.ts";'],
    "import upwards by an import type": ["src/gguf/x.ts", 'let a: import("../cli/main.ts").A;'],
    "re-export from above": ["src/engine/x.ts", 'export * from "../convert/pipeline.ts";'],
    "import upwards lazily": ["src/engine/x.ts", 'await import("../server/http.ts");'],
    "import a computed path": ["src/cli/x.ts", "await import(process.argv[2]);"],
    "import one feature from another": ["src/hub/x.ts", 'import "../convert/pipeline.ts";'],
    "import ui from a feature": ["src/bench/x.ts", 'import "../ui/output.ts";'],
    "leave src": ["src/cli/x.ts", 'import "../../scripts/x.mjs";'],
    "live in an unknown layer": ["src/util/x.ts", ""],
    "use a package of another layer": ["src/engine/x.ts", 'import chalk from "chalk";'],
    "use an unlisted package": ["src/ui/x.ts", 'import "left-pad";'],
    "write to stdout": ["src/engine/x.ts", "process.stdout.write('');"],
    "write to stderr by another spelling": [
      "src/cli/x.ts",
      "globalThis.process['stderr'].write('');",
    ],
    "read the environment": ["src/engine/x.ts", "const { env } = process;"],
    "import process": ["src/engine/x.ts", 'import { env } from "node:process";'],
    "use console": ["src/cli/x.ts", "console.error(1);"],
    exit: ["src/cli/x.ts", "process.exit(1);"],
    "reach past the command line from bin": ["bin/bitnet.js", 'import "../dist/hub/cache.js";'],
  },
  "C++ must not": {
    "include upwards": ["native/base/x.cpp", '#include "engine/engine.h"'],
    "include upwards by a relative path": ["native/base/x.cpp", '#include "../engine/engine.h"'],
    "include the kernels' insides": ["native/model/x.cpp", '#include "kernels/generic/gemv-inl.h"'],
    "include what is not there": ["native/model/x.cpp", '#include "base/nowhere.h"'],
    "include napi.h": ["native/engine/x.cpp", "#include <napi.h>"],
    "include <iostream>": ["native/engine/x.cpp", "#include <iostream>"],
    "include the library in a kernel": ["native/kernels/x86/x.cpp", "#include <vector>"],
    "include the library in a kernel header": [
      "native/kernels/generic/x-inl.h",
      "#include <cmath>",
    ],
    "include other layers in a kernel": ["native/kernels/scalar.cpp", '#include "base/error.h"'],
    "include the library in what kernels include": [
      "native/cpu/feature_bits.h",
      "#include <string>",
    ],
    print: ["native/engine/x.cpp", 'void f() { std::printf("x"); }'],
    "print to a stream": ["native/engine/x.cpp", "void f() { std::cerr << 1; }"],
    abort: ["native/engine/x.cpp", "void f() { abort(); }"],
    exit: ["native/addon/x.cpp", "void f() { std::exit(1); }"],
    "read the environment outside cpu": ["native/model/x.cpp", 'auto x = getenv("A");'],
    "live in an unknown layer": ["native/util/x.cpp", ""],
  },
};

describe.each(Object.entries(BAD))("%s", (_, cases) => {
  it.each(Object.entries(cases))("%s", (_name, [file, text]) => {
    const { violations } = check({ [file]: `${text}\n` });
    expect(violations).toEqual([expect.stringContaining(`${file}:1: `)]);
  });
});

it("fails when there is nothing to check", () => {
  using tree = fileTree({ "README.md": "" });
  expect(runScript("check-layers.mjs", ["--root", tree.path])).toEqual({
    status: 1,
    text: [
      "no *.ts found under src/",
      "no *.h or *.cpp found under native/",
      "layers: 0 files, 2 violations",
      "",
    ].join("\n"),
  });
});

it("prints violations and fails", () => {
  using tree = fileTree({ ...GOOD, "src/cli/x.ts": "console.log(1);\n" });
  const { status, text } = runScript("check-layers.mjs", ["--root", tree.path]);
  expect(text).toContain("src/cli/x.ts:1: cli must not use console (nobody may)\n");
  expect(status).toBe(1);
});

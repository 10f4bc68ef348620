// The one test command. `npm test` needs Node, CMake and a C++ compiler, nothing else.
//   node scripts/test.mjs [--full] [STEP...]     --full adds the long checks; STEP runs those alone
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { lastLineCounts, vitestCounts } from "./lib/counts.mjs";
import { runSteps } from "./lib/steps.mjs";
import { isInstalled, whyNotUsable } from "./lib/toolchain.mjs";

/** @typedef {import("./lib/steps.mjs").Step} Step */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const reports = mkdtempSync(join(tmpdir(), "bitnet-reports-"));

/** @param {string} script @param {readonly string[]} args */
const node = (script, ...args) => [process.execPath, join(root, script), ...args];
const biome = "node_modules/@biomejs/biome/bin/biome";
const tsc = "node_modules/typescript/bin/tsc";

/** @type {Step[]} */
const STEPS = [
  { name: "build native", commands: () => [node("scripts/build-native.mjs")] },
  { name: "lint", commands: () => [node(biome, "check", ".")] },
  { name: "format native", commands: () => [node("scripts/format-native.mjs", "--check")] },
  { name: "typecheck", commands: () => [node(tsc, "--noEmit"), node(tsc, "-p", "web")] },
  { name: "promises", commands: () => [node("scripts/check-promises.mjs")] },
  { name: "lockfile", commands: () => [node("scripts/check-lockfile.mjs")] },
  { name: "layers", commands: () => [node("scripts/check-layers.mjs")] },
  {
    name: "build ts",
    after: ["typecheck"],
    commands: () => [node(tsc, "-p", "tsconfig.build.json")],
  },
  { ...vitest("unit"), after: ["build ts", "layers"] },
  {
    name: "kernel objects",
    after: ["build native"],
    commands: () => [node("scripts/check-kernel-objects.mjs")],
  },
  { ...selftest("selftest", "build"), after: ["build native"] },
  { ...vitest("integration"), after: ["build native", "unit"], alone: true },
  { ...vitest("cli"), after: ["build native", "unit"], alone: true },
];

const SANITIZER_ENV = {
  ASAN_OPTIONS: "detect_stack_use_after_return=1",
  UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
  TSAN_OPTIONS: "halt_on_error=1",
};
const EMULATOR = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"];
const CLANG = ["clang++", "clang++-19", "clang++-18", "clang++-17", "clang++-16"].find(isInstalled);

/** @type {Step[]} */
const LONG_STEPS = [
  {
    ...builtSelftest("selftest asan+ubsan", "build-asan", ["-DBITNET_SANITIZE=address,undefined"]),
    missing: () => whyNotUsable("g++", ["-fsanitize=address,undefined"]),
    env: SANITIZER_ENV,
  },
  {
    ...builtSelftest("selftest tsan", "build-tsan", ["-DBITNET_SANITIZE=thread"]),
    missing: () => whyNotUsable("g++", ["-fsanitize=thread"]),
    env: SANITIZER_ENV,
  },
  {
    ...builtSelftest("selftest clang", "build-clang", [
      `-DCMAKE_CXX_COMPILER=${CLANG}`,
      "-DBITNET_WERROR=ON",
    ]),
    missing: () => (CLANG ? whyNotUsable(CLANG) : "clang++ 16 or newer not found"),
  },
  {
    ...builtSelftest(
      "selftest aarch64",
      "build-aarch64",
      [`-DCMAKE_TOOLCHAIN_FILE=${join(root, "cmake/aarch64.cmake")}`],
      EMULATOR,
    ),
    missing: () => whyNotUsable("aarch64-linux-gnu-g++", [], EMULATOR),
  },
  {
    name: "decode loops",
    after: ["build native", "selftest aarch64"],
    commands: () => [node("scripts/count-instructions.mjs")],
  },
  {
    name: "full size",
    after: ["build native", "build ts"],
    alone: true,
    commands: () => [node("scripts/check-full-size.mjs")],
    count: lastLineCounts,
  },
  {
    name: "setup native",
    after: ["build native", "build ts"],
    alone: true,
    commands: () => [node("scripts/check-native-setup.mjs")],
    count: lastLineCounts,
  },
  {
    name: "server under load",
    after: ["build native", "build ts"],
    alone: true,
    commands: () => [
      node("scripts/load-server.mjs", "--clients", "8", "-n", "16", "--requests", "1000"),
      node("scripts/load-server.mjs", "--clients", "4", "-n", "16", "--restart", "5", "--alerts"),
    ],
  },
  {
    name: "shapes",
    after: ["build native", "build ts"],
    alone: true,
    commands: () => [node("scripts/check-shapes.mjs")],
    count: lastLineCounts,
  },
];

/**
 * One project of vitest.config.ts.
 * @param {string} project
 * @returns {Step}
 */
function vitest(project) {
  const report = join(reports, `${project}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  return {
    name: project,
    commands: () => [
      node("node_modules/vitest/vitest.mjs", "run", "--project", project, ...reporters),
    ],
    count: () => (existsSync(report) ? vitestCounts(readFileSync(report, "utf8")) : undefined),
  };
}

/**
 * The native self-test of a finished build.
 * @param {string} name
 * @param {string} build
 * @param {readonly string[]} runner
 * @returns {Step}
 */
function selftest(name, build, runner = []) {
  const candidates = ["selftest", "Release/selftest", "Release/selftest.exe"];
  return {
    name,
    alone: true,
    commands: () => {
      const paths = candidates.map((candidate) => join(root, build, candidate));
      return [[...runner, paths.find((path) => existsSync(path)) ?? join(root, build, "selftest")]];
    },
    count: lastLineCounts,
  };
}

/**
 * Configures and builds the self-test in a directory of its own, then runs it.
 * @param {string} name
 * @param {string} build
 * @param {readonly string[]} options
 * @param {readonly string[]} runner
 * @returns {Step}
 */
function builtSelftest(name, build, options, runner = []) {
  const step = selftest(name, build, runner);
  return {
    ...step,
    commands: () => [
      ["cmake", "-S", root, "-B", join(root, build), ...options],
      ["cmake", "--build", join(root, build), "--target", "selftest", "--parallel", "2"],
      ...step.commands(),
    ],
  };
}

const { values, positionals } = parseArgs({
  options: { full: { type: "boolean", default: false } },
  allowPositionals: true,
});
const known = [...STEPS, ...LONG_STEPS];
const unknown = positionals.filter((name) => !known.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `no step ${unknown.join(", ")}; steps: ${known.map(({ name }) => name).join(", ")}`,
  );
  process.exitCode = 2;
} else {
  const planned = values.full ? known : STEPS;
  const steps =
    positionals.length > 0 ? known.filter((s) => positionals.includes(s.name)) : planned;
  try {
    const ok = await runSteps(steps, { cwd: root, print: (line) => console.log(line) });
    process.exitCode = ok ? 0 : 1;
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

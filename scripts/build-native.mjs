// Builds the engine, its self-test and the addon with CMake, through cmake-js.
// No download: the Node-API headers come from the `node-api-headers` package.
//   node scripts/build-native.mjs [--out FOLDER] [other options of cmake-js]
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cmakeJs = require.resolve("cmake-js/bin/cmake-js");
const addonApi = dirname(require.resolve("node-addon-api/package.json"));

const extra = process.argv.slice(2);
const args = [
  cmakeJs,
  "compile",
  "--directory",
  root,
  ...(extra.includes("--out") ? [] : ["--out", "build"]),
  "--parallel",
  String(availableParallelism()),
  `--CDNODE_ADDON_API_DIR=${addonApi}`,
  ...extra,
];
const { npm_config_nodedir: _unused, ...env } = process.env;
const result = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", env });
if (result.error) throw result.error;
if (result.status !== 0) {
  process.stderr.write(
    "\nThe native engine could not be built. It needs CMake 3.20 or newer and a C++20 compiler\n" +
      "(g++ 12, clang 16 or newer): on Debian and Ubuntu, apt install cmake g++.\n",
  );
}
process.exitCode = result.status ?? 1;

// clang-format over native/, with the version that package-lock.json pins (no system package).
//   node scripts/format-native.mjs [--check | --write]
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import init, { format } from "@wasm-fmt/clang-format";
import { listFiles } from "./lib/files.mjs";

const { values } = parseArgs({
  options: {
    check: { type: "boolean" },
    write: { type: "boolean" },
    root: { type: "string", default: dirname(dirname(fileURLToPath(import.meta.url))) },
  },
});
const root = values.root;
const style = readFileSync(join(root, ".clang-format"), "utf8");
const files = listFiles(root, "native", [".h", ".cpp"]);
await init();

/** @type {string[]} */
const unformatted = [];
for (const file of files) {
  const before = readFileSync(join(root, file), "utf8");
  const after = format(before, basename(file), style);
  if (after === before) continue;
  unformatted.push(file);
  if (values.write) writeFileSync(join(root, file), after);
}
for (const file of unformatted)
  console.log(`${values.write ? "formatted" : "not formatted"}: ${file}`);
console.log(`clang-format: ${files.length} files, ${unformatted.length} to change`);
if (!values.write && unformatted.length > 0) console.log("hint: npm run format");
process.exitCode = files.length === 0 || (!values.write && unformatted.length > 0) ? 1 : 0;

// Writes the tables of docs/JSON.md anew, from the schemas of test/support/json, and adds new fields to
// the record that keeps old ones from going.
//   node scripts/json-tables.mjs
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const test = "test/unit/docs/json-page.test.ts";
const { status } = spawnSync(process.execPath, [vitest, "run", "--project", "unit", test], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, BITNET_UPDATE_README: "1" },
});
process.exitCode = status ?? 1;

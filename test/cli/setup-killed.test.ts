import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { listModels } from "../../src/cli/models/inventory.ts";
import { runCli, startCli } from "../support/cli.ts";
import { goldenPath } from "../support/golden.ts";
import { type HubRepo, type HubServer, sha256, startSuiteHub } from "../support/hub-server.ts";
import { seededRandom } from "../support/random.ts";
import { suiteDir, tempDir } from "../support/temp-dir.ts";

// The whole way of `setup`, download and conversion, killed without warning and run again.

const REPO = "org/checkpoint";
const NAMES = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
const FILES = Object.fromEntries(
  NAMES.filter((name) => existsSync(goldenPath(`models/a-packed/${name}`))).map((name) => [
    name,
    readFileSync(goldenPath(`models/a-packed/${name}`)),
  ]),
);
const KILLS = 10;
const SEED = Number(process.env["BITNET_TEST_SEED"] ?? Date.now() % 1_000_000);

let hub: HubServer;
/** What an undisturbed run makes, and how long that takes. */
let expected: Buffer;
let undisturbedMs: number;
const home = suiteDir();

beforeAll(async () => {
  hub = await startSuiteHub({ [REPO]: { files: FILES } satisfies HubRepo });
  hub.pauseMs = 5;
  const startedAt = performance.now();
  const { stdout } = await runCli(["setup", "--no-tune", REPO, "--json"], { env: hub.env(home) });
  undisturbedMs = performance.now() - startedAt;
  expected = readFileSync(JSON.parse(stdout).model.path);
}, 120_000);

it("killed at ten random moments and run again, it is complete and right each time", async () => {
  console.log(`seed ${SEED}: repeat with BITNET_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  let interrupted = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const env = hub.env(tempDir());
    const delayMs = random(Math.ceil(undisturbedMs));
    const child = startCli(["setup", "--no-tune", REPO], { env });
    const ended = new Promise<NodeJS.Signals | null>((resolve) => {
      child.once("exit", (_, signal) => resolve(signal));
    });
    await sleep(delayMs);
    child.kill("SIGKILL");
    if ((await ended) === "SIGKILL") interrupted += 1;
    await expectNothingHalf(env);
    const again = await runCli(["setup", "--no-tune", REPO, "--json"], { env });
    expect(again.status, `after ${delayMs} ms: ${again.stderr}`).toBe(0);
    expect(readFileSync(JSON.parse(again.stdout).model.path).equals(expected)).toBe(true);
    expectWholeCache(env, FILES);
    expect(blobs(env).filter((name) => name.endsWith(".incomplete"))).toEqual([]);
  }
  expect(interrupted).toBeGreaterThan(KILLS / 2);
}, 600_000);

/** Whatever has a name that others look for is whole. */
async function expectNothingHalf(env: Record<string, string>): Promise<void> {
  for (const name of blobs(env)) {
    if (name.endsWith(".incomplete")) continue;
    expect(hashesOf(readFileSync(join(repoDir(env), "blobs", name)))).toContain(name);
  }
  const linked = snapshotFiles(env);
  if (linked.includes("config.json")) expect(linked).toEqual(Object.keys(FILES).sort());
  for (const { path, problem, place } of await listModels(env)) {
    expect({ path, problem }).toEqual({ path, problem: null });
    if (place === "converted") expect(readFileSync(path).equals(expected)).toBe(true);
  }
}

function expectWholeCache(env: Record<string, string>, files: Record<string, Buffer>): void {
  expect(snapshotFiles(env)).toEqual(Object.keys(files).sort());
  const [commit = ""] = readdirSync(join(repoDir(env), "snapshots"));
  for (const [name, body] of Object.entries(files)) {
    const path = join(repoDir(env), "snapshots", commit, name);
    expect(readFileSync(path).equals(body), name).toBe(true);
  }
}

function repoDir(env: Record<string, string>): string {
  return join(env["HF_HOME"] ?? "", "hub/models--org--checkpoint");
}

function blobs(env: Record<string, string>): string[] {
  const folder = join(repoDir(env), "blobs");
  return existsSync(folder) ? readdirSync(folder) : [];
}

function snapshotFiles(env: Record<string, string>): string[] {
  const folder = join(repoDir(env), "snapshots");
  const [commit] = existsSync(folder) ? readdirSync(folder) : [];
  if (commit === undefined) return [];
  return readdirSync(join(folder, commit))
    .filter((name) => !name.startsWith("."))
    .sort();
}

/** The two names that a blob of these bytes can have. */
function hashesOf(body: Buffer): string[] {
  const git = createHash("sha1").update(`blob ${body.length}\0`).update(body).digest("hex");
  return [sha256(body), git];
}

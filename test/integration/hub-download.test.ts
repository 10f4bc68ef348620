import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ModelFormatError, NetworkError, NotFoundError, ResourceError } from "../../src/errors.ts";
import { findCached, scanCache } from "../../src/hub/cache.ts";
import { checkSpace, type Download, downloadFiles } from "../../src/hub/download.ts";
import { HubHttp } from "../../src/hub/http.ts";
import { blobPath, repoFolder } from "../../src/hub/layout.ts";
import { listRepo } from "../../src/hub/listing.ts";
import { commitOf, type HubRepo, type HubServer, sha256, startHub } from "../support/hub-server.ts";
import { randomBytes } from "../support/random.ts";
import { tempDir } from "../support/temp-dir.ts";

const NAME = "org/model";
const WEIGHTS = randomBytes(1_000_000, 7);
const REPO: HubRepo = {
  files: {
    "config.json": '{"a": 1}',
    "tokenizer.json": "{}",
    "sub/empty.txt": "",
    "model.safetensors": WEIGHTS,
    "m-i2_s.gguf": WEIGHTS.subarray(0, 300_000),
  },
};

interface Fetched extends Download {
  readonly retries: string[];
  readonly cacheDir: string;
}

async function fetchAll(
  hub: HubServer,
  options: { cacheDir?: string; token?: string; signal?: AbortSignal; revision?: string } = {},
): Promise<Fetched> {
  const { cacheDir = tempDir(), token, signal, revision = "main" } = options;
  const retries: string[] = [];
  const request = { signal, onRetry: (reason: string) => void retries.push(reason) };
  const access = { endpoint: hub.endpoint, token };
  const listing = await listRepo(new HubHttp(access, NAME, request), revision);
  const done = await downloadFiles(listing, listing.files, {
    ...request,
    access,
    cacheDir,
    revision,
  });
  return { ...done, retries, cacheDir };
}

function expectComplete(snapshot: string): void {
  for (const [path, body] of Object.entries(REPO.files)) {
    expect(readFileSync(join(snapshot, path)).equals(Buffer.from(body)), path).toBe(true);
  }
}

describe("a download", () => {
  it("has the layout of the Hugging Face cache", async () => {
    const hub = await startHub({ [NAME]: REPO });
    const { snapshot, cacheDir, fetchedBytes } = await fetchAll(hub);
    const commit = commitOf(NAME, REPO);
    expect(snapshot).toBe(join(cacheDir, "models--org--model", "snapshots", commit));
    expectComplete(snapshot);
    expect(lstatSync(join(snapshot, "sub/empty.txt")).isSymbolicLink()).toBe(true);
    const repoDir = join(cacheDir, "models--org--model");
    expect(readFileSync(join(repoDir, "refs/main"), "utf8")).toBe(commit);
    expect(readdirSync(join(repoDir, "blobs"))).toContain(sha256(WEIGHTS));
    expect(fetchedBytes).toBe(1_300_000 + 10);
  });

  it("asks the tree for every page", async () => {
    const hub = await startHub({ [NAME]: REPO });
    await fetchAll(hub);
    expect(hub.requests.filter(({ url }) => url.includes("/tree/"))).toHaveLength(3);
  });

  it("fetches nothing twice", async () => {
    const hub = await startHub({ [NAME]: REPO });
    const { cacheDir } = await fetchAll(hub);
    hub.requests.length = 0;
    const again = await fetchAll(hub, { cacheDir });
    expect(again.fetchedBytes).toBe(0);
    expect(hub.requests.filter(({ door }) => door !== "api")).toEqual([]);
  });

  it("fetches files of the same bytes once", async () => {
    const same = { "a.gguf": WEIGHTS, "b.gguf": WEIGHTS, "c.json": "{}", "d.json": "{}" };
    const hub = await startHub({ [NAME]: { files: same } });
    const { snapshot, fetchedBytes } = await fetchAll(hub);
    expect(fetchedBytes).toBe(WEIGHTS.length + 2);
    for (const [path, body] of Object.entries(same)) {
      expect(readFileSync(join(snapshot, path)).equals(Buffer.from(body)), path).toBe(true);
    }
    expect(hub.requests.filter(({ door }) => door === "bytes")).toHaveLength(1);
  });

  it("replaces a blob that has another size", async () => {
    const hub = await startHub({ [NAME]: REPO });
    const cacheDir = tempDir();
    const blob = blobPath(repoFolder(cacheDir, NAME), sha256(WEIGHTS));
    mkdirSync(join(blob, ".."), { recursive: true });
    writeFileSync(blob, "half");
    expectComplete((await fetchAll(hub, { cacheDir })).snapshot);
  });

  it("sends the token to the hub, and to no other host", async () => {
    const hub = await startHub({ [NAME]: { ...REPO, token: "secret" } });
    expectComplete((await fetchAll(hub, { token: "secret" })).snapshot);
    const tokens = (door: string) =>
      new Set(hub.requests.filter((one) => one.door === door).map((one) => one.authorization));
    expect(tokens("api")).toEqual(new Set(["Bearer secret"]));
    expect(tokens("resolve")).toEqual(new Set(["Bearer secret"]));
    expect(tokens("bytes")).toEqual(new Set([undefined]));
  });
});

describe("a hub that misbehaves", () => {
  it("a cut connection is taken up where it broke", async () => {
    const hub = await startHub({ [NAME]: REPO });
    hub.addFaults(
      { at: "bytes", url: "model.safetensors", cutAfter: 200_000 },
      { at: "bytes", url: "model.safetensors", cutAfter: 300_000 },
    );
    const { snapshot, retries } = await fetchAll(hub);
    expectComplete(snapshot);
    expect(retries.length).toBeGreaterThanOrEqual(2); // the two, and what a busy machine adds
    const starts = hub.requests
      .filter(({ door, url }) => door === "bytes" && url.endsWith("model.safetensors"))
      .map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? "bytes=0-")?.[1]));
    expect(starts[0]).toBe(0);
    expect(starts.at(-1)).toBeGreaterThan(200_000);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  });

  it("a server that ignores ranges sends all of it again", async () => {
    const hub = await startHub({ [NAME]: REPO });
    hub.addFaults(
      { at: "bytes", url: "model.safetensors", cutAfter: 200_000 },
      { at: "bytes", url: "model.safetensors", ignoreRange: true },
    );
    expectComplete((await fetchAll(hub)).snapshot);
  });

  it("429 is waited for as long as it says, everywhere", async () => {
    const hub = await startHub({ [NAME]: REPO });
    const busy = { status: 429, headers: { "retry-after": "1" } } as const;
    hub.addFaults({ at: "api", ...busy }, { at: "resolve", ...busy }, { at: "bytes", ...busy });
    const startedAt = performance.now();
    const { snapshot, retries } = await fetchAll(hub);
    expectComplete(snapshot);
    expect(retries).toEqual(Array(3).fill("too many requests (HTTP 429)"));
    expect(performance.now() - startedAt).toBeGreaterThan(2000); // the API and then the files
  });

  it("a hub that asks for an hour is not waited for", async () => {
    const hub = await startHub({ [NAME]: REPO });
    hub.addFaults({ at: "api", status: 429, headers: { "retry-after": "3600" } });
    await expect(fetchAll(hub)).rejects.toThrow(NetworkError);
  });

  it("a listing that is cut off is asked for again", async () => {
    const hub = await startHub({ [NAME]: REPO });
    hub.addFaults({ at: "api", url: "/tree/", cutAfter: 20 });
    const { snapshot, retries } = await fetchAll(hub);
    expectComplete(snapshot);
    expect(retries).toHaveLength(1);
  });

  it.each([["text"], [{ error: "none of it" }], [[{ type: "file", path: "a", size: -1 }]]])(
    "an answer %j that no hub gives is refused",
    async (answer) => {
      const hub = await startHub({ [NAME]: REPO });
      hub.addFaults({ at: "api", url: "/tree/", answer });
      await expect(fetchAll(hub)).rejects.toThrow(/answers what no hub does/);
    },
  );

  it("a wrong byte is never kept", async () => {
    const hub = await startHub({ [NAME]: REPO });
    hub.addFaults({ at: "bytes", url: "model.safetensors", corrupt: true });
    expectComplete((await fetchAll(hub)).snapshot);
    hub.addFaults({ at: "bytes", url: "model.safetensors", corrupt: true, times: 2 });
    const cacheDir = tempDir();
    await expect(fetchAll(hub, { cacheDir })).rejects.toThrow(ModelFormatError);
    expect(await findCached(cacheDir, { repo: NAME, revision: undefined })).toBeUndefined();
    expect(await scanCache(cacheDir)).toEqual([]);
    const blobs = readdirSync(join(repoFolder(cacheDir, NAME), "blobs"));
    expect(blobs.filter((name) => name.startsWith(sha256(WEIGHTS)))).toEqual([]);
  });

  it.each([
    ["an unknown repository", 401, "RepoNotFound", "not there, or no access"],
    ["a gated repository", 403, "GatedRepo", "gated"],
    ["an unknown revision", 404, "RevisionNotFound", "no such revision"],
    ["a repository that went away", 404, "", "not on the hub"],
  ])("%s: %i", async (_, status, code, words) => {
    const hub = await startHub({ [NAME]: REPO });
    hub.addFaults({ at: "api", status, headers: { "x-error-code": code } });
    const failure = await fetchAll(hub).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NotFoundError);
    expect((failure as Error).message).toContain(words);
  });

  it("a path that leaves the cache is refused", async () => {
    const hub = await startHub({ [NAME]: { files: { "../../evil.json": "x" } } });
    await expect(fetchAll(hub)).rejects.toThrow(/answers what no hub does/);
  });
});

it("what a cancelled download has fetched is kept, under no model's name", async () => {
  const hub = await startHub({ [NAME]: REPO });
  hub.pauseMs = 5;
  const cacheDir = tempDir();
  const stop = new AbortController();
  const going = fetchAll(hub, { cacheDir, signal: stop.signal });
  while (!hub.requests.some(({ sentBytes }) => sentBytes > 100_000)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  stop.abort(new Error("enough"));
  await expect(going).rejects.toThrow("enough");
  expect(await scanCache(cacheDir)).toEqual([]);
  hub.pauseMs = 0;
  hub.requests.length = 0;
  const { snapshot, fetchedBytes } = await fetchAll(hub, { cacheDir });
  expectComplete(snapshot);
  expect(fetchedBytes).toBeLessThan(1_300_000);
  const resumed = hub.requests.filter(({ door, range }) => door === "bytes" && range !== undefined);
  expect(resumed.length).toBeGreaterThan(0);
  const left = readdirSync(join(repoFolder(cacheDir, NAME), "blobs"));
  expect(left.filter((name) => name.endsWith(".incomplete"))).toEqual([]);
  expect(existsSync(snapshot)).toBe(true);
});

it("a disk without room is refused before anything is fetched", async () => {
  await expect(checkSpace(tempDir(), 1e18)).rejects.toThrow(ResourceError);
  await expect(checkSpace(join(tempDir(), "not/there/yet"), 1)).resolves.toBeUndefined();
});

import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openModelSource } from "../../src/checkpoint/open.ts";
import { modelIdentity, PromptCache } from "../../src/cli/chat/prompt-cache.ts";
import type { KvType } from "../../src/engine/binding.ts";
import { Model } from "../../src/engine/model.ts";
import { goldenPath } from "../support/golden.ts";
import { tempDir } from "../support/temp-dir.ts";

const MODEL = goldenPath("gguf/a.i2_s.gguf");
const GREEDY = { maxTokens: 12, sampling: { temperature: 0, topK: 0 } };
const ONE_GIB = 1024 ** 3;
/** Two chunks, the second of them not full. */
const PROMPT = Array.from({ length: 100 }, (_, i) => 3 + ((i * 7) % 400));

let model: Model;
let key: string;
beforeAll(async () => {
  model = await Model.load(await openModelSource(MODEL));
  key = await modelIdentity(model.files, model.snapshotKey());
});
afterAll(() => model.close());

const chunkBytes = () => model.memory().kvChunkBytes;

/** A cache with the prompt in it, and the file. */
async function filledCache() {
  const folder = join(tempDir(), "cache");
  const cache = new PromptCache(folder, ONE_GIB);
  const session = model.createSession();
  await session.evaluate(PROMPT);
  await cache.save("x", key, session, Int32Array.from([...PROMPT, 9]));
  session.close();
  const [name = ""] = readdirSync(folder);
  return { cache, folder, path: join(folder, name) };
}

describe("a prompt cache", () => {
  it("gives a new session what another evaluated: the same text, without evaluating", async () => {
    const { cache } = await filledCache();
    const next = [...PROMPT, 9, 10];
    const fresh = model.createSession();
    const text = await fresh.generate(next, GREEDY).text();
    const session = model.createSession();
    expect(await cache.restore("x", key, session, chunkBytes())).toEqual(
      Int32Array.from([...PROMPT, 9]),
    );
    expect(session.evaluatedTokens).toBe(PROMPT.length);
    const generation = session.generate(next, GREEDY);
    expect(await generation.text()).toBe(text);
    expect((await generation.result).promptTokens).toBe(2);
    fresh.close();
    session.close();
  });

  it.each(["f32", "f16", "bf16", "int8"] as const)(
    "holds the logits' bits, %s",
    async (kvType: KvType) => {
      const other = await Model.load(await openModelSource(MODEL), { kvType });
      const [a, b] = [other.createSession(), other.createSession()];
      await a.evaluate(PROMPT);
      const { tokens, chunks, readChunk } = a.snapshot();
      b.restore(
        tokens,
        Array.from({ length: chunks }, (_, i) => readChunk(i)),
      );
      const next = [...PROMPT, 5];
      expect(await b.evaluate(next)).toEqual(await a.evaluate(next));
      await other.close();
    },
  );

  it("has nothing under another name", async () => {
    const { cache } = await filledCache();
    const session = model.createSession();
    expect(await cache.restore("y", key, session, chunkBytes())).toBeUndefined();
    session.close();
  });

  it("replaces what a session holds", async () => {
    const { cache } = await filledCache();
    const session = model.createSession();
    await session.evaluate([1, 2, 3]);
    await cache.restore("x", key, session, chunkBytes());
    expect(session.evaluatedTokens).toBe(PROMPT.length);
    session.close();
  });

  it("keeps nothing that does not begin with what was evaluated", async () => {
    const folder = join(tempDir(), "cache");
    const session = model.createSession();
    await session.evaluate(PROMPT);
    await new PromptCache(folder, ONE_GIB).save("x", key, session, Int32Array.from([1, 2]));
    expect(() => readdirSync(folder)).toThrow("ENOENT");
    session.close();
  });

  it("removes the least recently used when all take too much", async () => {
    const { cache, folder, path } = await filledCache();
    const { size } = statSync(path);
    const small = new PromptCache(folder, 2 * size);
    const session = model.createSession();
    await session.evaluate(PROMPT);
    const ids = Int32Array.from([...PROMPT, 9]);
    utimesSync(path, 1000, 1000);
    await small.save("second", key, session, ids);
    await small.save("third", key, session, ids);
    expect(readdirSync(folder)).toHaveLength(2);
    expect(await cache.restore("x", key, session, chunkBytes())).toBeUndefined();
    expect(await cache.restore("second", key, session, chunkBytes())).toEqual(ids);
    await new PromptCache(folder, size - 1).save("fourth", key, session, ids);
    expect(readdirSync(folder)).toHaveLength(2);
    session.close();
  });
});

describe("what is damaged or foreign is refused and leaves the session as it was", () => {
  async function refusal(change: (bytes: Buffer) => Buffer, otherKey = key): Promise<string> {
    const { cache, path } = await filledCache();
    writeFileSync(path, change(readFileSync(path)));
    const session = model.createSession();
    const failure = await cache.restore("x", otherKey, session, chunkBytes()).then(
      () => "taken",
      (error: Error) => error.message,
    );
    expect(session.evaluatedTokens).toBe(0);
    session.close();
    return failure;
  }

  it("another model, another KV type, another version", async () => {
    expect(await refusal((bytes) => bytes, `${key}x`)).toBe("it is of another model or version");
    const other = await Model.load(await openModelSource(MODEL), { kvType: "f32" });
    const otherKey = await modelIdentity(other.files, other.snapshotKey());
    await other.close();
    expect(await refusal((bytes) => bytes, otherKey)).toBe("it is of another model or version");
    expect(await refusal((bytes) => bytes.fill("2", 8, 9))).toBe(
      "it is of another model or version",
    );
  });

  it.each([0, 1, 49, 50, 51, 1000, -1])("cut to %d bytes", async (length) => {
    expect(await refusal((bytes) => bytes.subarray(0, length))).toMatch(
      /cut off|size does not fit/,
    );
  });

  it("longer than it was", async () => {
    expect(await refusal((bytes) => Buffer.concat([bytes, Buffer.alloc(1)]))).toMatch(/size/);
  });

  it.each([42, 43, 45, 46, 47, 49])("byte %d of its counts changed", async (at) => {
    const flip = (bytes: Buffer) => bytes.fill((bytes[at] ?? 0) ^ 0x81, at, at + 1);
    expect(await refusal(flip)).toMatch(/size does not fit|checksum/);
  });

  it.each([50, 60, 500, 5000, 100_000, -1, -32, -33])("byte %d changed", async (at) => {
    const flip = (bytes: Buffer) => {
      const index = at < 0 ? bytes.length + at : at;
      return bytes.fill((bytes[index] ?? 0) ^ 1, index, index + 1);
    };
    expect(await refusal(flip)).toBe("its checksum is wrong");
  });
});

describe("the engine itself", () => {
  const chunk = () => new Uint8Array(chunkBytes());

  it.each([
    ["too few chunks", [1], 0, "chunks and tokens do not fit"],
    ["too many chunks", [1], 2, "chunks and tokens do not fit"],
    ["an unknown token", [1_000_000], 1, "a token is outside the vocabulary"],
    ["a negative token", [-1], 1, "a token is outside the vocabulary"],
  ])("refuses %s", (_, tokens, chunks, message) => {
    const session = model.createSession();
    const all = Array.from({ length: chunks }, chunk);
    expect(() => session.restore(Int32Array.from(tokens), all)).toThrow(message);
    session.close();
  });

  it("refuses chunks of another size, and more tokens than the window holds", () => {
    const session = model.createSession({ contextLength: 64 });
    const long = new Int32Array(65);
    expect(() => session.restore(Int32Array.of(1), [new Uint8Array(3)])).toThrow("another size");
    expect(() => session.restore(long, [chunk(), chunk()])).toThrow("more tokens");
    expect(() => session.snapshot().readChunk(0)).toThrow("no such chunk");
    session.close();
  });

  it("refuses while a generation runs", async () => {
    const session = model.createSession();
    // The engine waits for the mask, and that for this function to end.
    const generation = session.generate([1, 2], { maxTokens: 50, mask: () => [] });
    expect(() => session.restore(Int32Array.of(1), [chunk()])).toThrow("busy");
    await generation.result;
    session.close();
  });
});

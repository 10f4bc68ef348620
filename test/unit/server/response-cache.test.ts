import { describe, expect, it } from "vitest";
import type { GenerateOptions } from "../../../src/engine/session.ts";
import { ResponseCache } from "../../../src/server/response-cache.ts";

const { signal } = new AbortController();

/** Asks in turn; tells how many answers were made. */
async function made(
  cache: ResponseCache,
  ...asked: (readonly [number, GenerateOptions, string?])[]
) {
  let count = 0;
  for (const [id, options, form = "chat"] of asked) {
    const request = { prompts: [Int32Array.of(1, id)], choices: 1, options, client: "a", signal };
    await cache.answer(request, form, async () => ({ number: ++count }));
  }
  return count;
}

const GREEDY = { sampling: { temperature: 0 } };

describe("ResponseCache", () => {
  it("gives an answer again only where the same request has the same one", async () => {
    const cache = new ResponseCache(10);
    expect(await made(cache, [1, GREEDY], [1, GREEDY])).toBe(1);
    expect(await made(cache, [1, GREEDY], [2, GREEDY], [1, GREEDY, "text"])).toBe(2);
    expect(await made(cache, [1, { seed: 1 }], [1, { seed: 1n }], [1, { seed: 1 }])).toBe(2);
    expect(await made(cache, [3, {}], [3, {}])).toBe(2); // chosen at random
  });

  it("keeps what was asked for last", async () => {
    const cache = new ResponseCache(2);
    expect(await made(cache, [1, GREEDY], [2, GREEDY], [1, GREEDY], [3, GREEDY])).toBe(3);
    expect(await made(cache, [1, GREEDY])).toBe(0);
    expect(await made(cache, [2, GREEDY])).toBe(1);
  });

  it("does not keep what failed, nor anything when it is off", async () => {
    const request = { prompts: [], choices: 1, options: GREEDY, client: "a", signal };
    const cache = new ResponseCache(2);
    const failing = cache.answer(request, "chat", () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await cache.answer(request, "chat", async () => ({ yes: true }))).toEqual({ yes: true });
    expect(await made(new ResponseCache(0), [1, GREEDY], [1, GREEDY])).toBe(2);
  });
});

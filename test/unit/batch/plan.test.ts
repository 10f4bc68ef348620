import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type LineSource, readLines } from "../../../src/batch/lines.ts";
import { countRequests, planRequests } from "../../../src/batch/plan.ts";
import type { RequestId } from "../../../src/batch/request.ts";

const NEVER = new AbortController().signal;

/** Bytes come one by one, so that every boundary is met. */
const source = (text: string | Uint8Array): LineSource => ({
  name: "in.jsonl",
  open: () => Readable.from([...Buffer.from(text)].map((byte) => Buffer.from([byte]))),
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe("lines", () => {
  it("have numbers, empty ones too, but only full ones come", async () => {
    const lines = await all(readLines(source("a\n\n  \r\n\u00fc\ud83d\ude00\nlast"), NEVER));
    expect(lines).toEqual([
      { text: "a", number: 1 },
      { text: "\u00fc\ud83d\ude00", number: 4 },
      { text: "last", number: 5 },
    ]);
  });

  it("that are not UTF-8 are refused", async () => {
    const latin1 = source(Uint8Array.from([0x61, 0xfc, 0x0a]));
    await expect(all(readLines(latin1, NEVER))).rejects.toThrow("in.jsonl is not UTF-8 text");
  });

  it("end with the reason when they are stopped", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const endless = { name: "x", open: () => new Readable({ read: () => undefined }) };
    setImmediate(() => stop.abort(reason));
    await expect(all(readLines(endless, stop.signal))).rejects.toBe(reason);
  });
});

describe("the plan", () => {
  const LINES = '{"id":"a","prompt":"x"}\nbroken\n{"prompt":"y","seed":1}\n';
  const plan = async (finished: ReadonlyMap<RequestId, string>, settings: unknown = { n: 1 }) =>
    all(planRequests(source(LINES), { finished, settings }, NEVER));
  const known = async (settings?: unknown) =>
    new Map(
      (await plan(new Map(), settings)).map(({ request, fingerprint }) => [
        request.id,
        fingerprint,
      ]),
    );

  it("leaves out what has an answer", async () => {
    const finished = await known();
    expect([...finished.keys()]).toEqual(["a", 2, 3]);
    expect(await plan(finished)).toEqual([]);
    finished.delete(2);
    expect((await plan(finished)).map(({ request }) => request.id)).toEqual([2]);
    const options = { finished, settings: { n: 1 } };
    expect(await countRequests(source(LINES), options, NEVER)).toEqual({ total: 3, pending: 1 });
  });

  it("refuses answers to other requests, or with other settings", async () => {
    const finished = await known();
    await expect(plan(finished, { n: 2 })).rejects.toThrow(
      /^line 1: the output has an answer for "a"/,
    );
    const other = source('{"id":"a","prompt":"x!"}');
    const options = { finished, settings: { n: 1 } };
    await expect(countRequests(other, options, NEVER)).rejects.toThrow(/to another request/);
  });

  it("refuses an id that occurs twice", async () => {
    const twice = source('{"id":3,"prompt":"x"}\n\n{"prompt":"y"}\n');
    const options = { finished: new Map(), settings: {} };
    await expect(countRequests(twice, options, NEVER)).rejects.toThrow(
      "line 3 of in.jsonl: the id 3 is that of line 1",
    );
  });
});

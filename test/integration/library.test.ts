import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  NotFoundError,
  type OpenModel,
  openModel,
  ResourceError,
  UnsupportedError,
  UsageError,
  type WeightForm,
} from "../../src/index.ts";
import { goldenPath } from "../support/golden.ts";

const GREEDY = { sampling: { temperature: 0 }, stopTokens: [] };

let model: OpenModel;
beforeAll(async () => {
  model = await openModel(goldenPath("gguf/a.i2_s.gguf"), { threads: 2, kvType: "f32" });
});
afterAll(async () => {
  await model.close();
});

it("embeds texts up to a length", async () => {
  const [whole] = await model.embed(["the king"]);
  expect(await model.embed(["the king"], { contextLength: 64 })).toEqual([whole]);
  const long = model.embed(["the king ".repeat(64)], { contextLength: 64 });
  await expect(long).rejects.toThrow(ResourceError);
});

describe("openModel", () => {
  it("reports what is loaded", () => {
    expect(model.contextLength).toBe(512);
    expect(model.metadata.get("general.architecture")?.value).toBe("bitnet-b1.58");
    expect(model.memory().weightBytes).toBeGreaterThan(500_000);
  });

  it("opens a checkpoint folder to the same logits", async () => {
    const packed = await openModel(goldenPath("models/a-packed"), { kvType: "f32" });
    const prompt = model.encode("hello there");
    const ours = await model.createSession().evaluate(prompt);
    expect(await packed.createSession().evaluate(prompt)).toEqual(ours);
    await packed.close();
  });

  it("gives the same logits from the file's own pages", async () => {
    const mapped = await openModel(goldenPath("gguf/a.i2_s.gguf"), { mmap: true, kvType: "f32" });
    const prompt = model.encode("hello there");
    const ours = await model.createSession().evaluate(prompt);
    expect(await mapped.createSession().evaluate(prompt)).toEqual(ours);
    await mapped.close();
  });

  // d: group scales, and a ternary embedding that is the head as well
  it.each(["a.i2_s", "c.i2_s", "d.pq2_0"])(
    "gives the same logits from compact weights, %s",
    async (name) => {
      const load = (weights: WeightForm) =>
        openModel(goldenPath(`gguf/${name}.gguf`), { weights, kvType: "f32" });
      const [fast, compact] = [await load("fast"), await load("compact")];
      const tokens = Int32Array.from({ length: 40 }, (_, i) => (37 * i) % 300);
      const ours = await compact.createSession().evaluate(tokens);
      expect(await fast.createSession().evaluate(tokens)).toEqual(ours);
      await Promise.all([fast.close(), compact.close()]);
    },
  );

  it("says what is missing", async () => {
    await expect(openModel(goldenPath("gguf/none.gguf"))).rejects.toThrow(NotFoundError);
  });

  it("refuses a family that it does not know", async () => {
    const { readGguf } = await import("../../src/gguf/reader.ts");
    const { Model } = await import("../../src/engine/model.ts");
    const { openModelSource } = await import("../../src/checkpoint/open.ts");
    const path = goldenPath("gguf/a.i2_s.gguf");
    const entries = [...(await readGguf(path)).metadata].map(([key, entry]) =>
      key === "general.architecture"
        ? ([key, { type: "string", value: "mamba" }] as const)
        : ([key.replace("bitnet-b1.58.", "mamba."), entry] as const),
    );
    const source = { ...(await openModelSource(path)), metadata: new Map(entries) };
    await expect(Model.load(source)).rejects.toThrow(UnsupportedError);
  });
});

describe("Session", () => {
  it("generates the same text for the same seed, in chunks that add up", async () => {
    const texts: string[] = [];
    for (let run = 0; run < 2; run++) {
      const session = model.createSession();
      const generation = session.generate(model.encode("Once"), { maxTokens: 40, seed: 7 });
      let text = "";
      for await (const chunk of generation) text += chunk.text;
      texts.push(text);
      expect(await generation.result).toMatchObject({ generatedTokens: 40, seed: 7n });
      session.close();
    }
    expect(texts[0]).toBe(texts[1]);
  });

  it("evaluates only the new part of a prompt, to the same bits", async () => {
    const session = model.createSession();
    const first = model.encode("Once upon a time there was a ferryman");
    await session.generate(first, { ...GREEDY, maxTokens: 8 }).result;
    const longer = Int32Array.from([...first, ...model.encode(" who sang").slice(1)]);
    const again = session.generate(longer, { ...GREEDY, maxTokens: 1 });
    expect((await again.result).promptTokens).toBe(longer.length - first.length);
    const fresh = await model.createSession().evaluate(longer);
    expect(await session.evaluate(longer)).toEqual(fresh);
  });

  it("ends before a stop string and tells which", async () => {
    const session = model.createSession();
    const whole = await session.generate(model.encode("Once"), { ...GREEDY, maxTokens: 24 }).text();
    const stop = [...whole].slice(5, 8).join("");
    const generation = session.generate(model.encode("Once"), {
      ...GREEDY,
      maxTokens: 24,
      stop: [stop],
    });
    expect(await generation.text()).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(await generation.result).toMatchObject({ finishReason: "stop", stopText: stop });
  });

  it("stops when its signal is aborted, and can go on", async () => {
    const session = model.createSession();
    const controller = new AbortController();
    const generation = session.generate(model.encode("Once"), {
      ...GREEDY,
      signal: controller.signal,
    });
    for await (const _chunk of generation) controller.abort();
    expect((await generation.result).finishReason).toBe("cancelled");
    expect(
      (await session.generate(model.encode("Once"), { maxTokens: 2 }).result).promptTokens,
    ).toBe(1);
  });

  it("is cancelled by leaving the loop", async () => {
    const generation = model.createSession().generate(model.encode("Once"), GREEDY);
    for await (const _chunk of generation) break;
    expect((await generation.result).finishReason).toBe("cancelled");
  });

  it("obeys a mask", async () => {
    const seen: number[] = [];
    const generation = model.createSession().generate(model.encode("Once"), {
      maxTokens: 5,
      stopTokens: [],
      mask: (generated) => {
        seen.push(generated.length);
        return [10 + generated.length];
      },
    });
    const ids: number[] = [];
    for await (const { tokenIds } of generation) ids.push(...tokenIds);
    expect(ids).toEqual([10, 11, 12, 13, 14]);
    expect(seen.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
  });

  it("reports log-probabilities that add up", async () => {
    const generation = model
      .createSession()
      .generate(model.encode("Once"), { ...GREEDY, maxTokens: 3, logprobs: 4 });
    for await (const { tokens = [] } of generation) {
      for (const token of tokens) {
        expect(token.top).toHaveLength(4);
        expect(token.top[0]).toMatchObject({ id: token.id, logprob: token.logprob });
        expect(token.logprob).toBeLessThanOrEqual(0);
      }
    }
  });

  it("runs beside others, each as if alone", async () => {
    const prompts = ["Once", "A ferryman", "1 + 1", "the salt road to"];
    const alone: string[] = [];
    for (const prompt of prompts) {
      const options = { maxTokens: 30, seed: prompt.length };
      alone.push(await model.createSession().generate(model.encode(prompt), options).text());
    }
    const together = await Promise.all(
      prompts.map((prompt) =>
        model
          .createSession()
          .generate(model.encode(prompt), { maxTokens: 30, seed: prompt.length })
          .text(),
      ),
    );
    expect(together).toEqual(alone);
  });

  it("refuses what cannot be", async () => {
    const session = model.createSession({ contextLength: 8 });
    expect(() => session.generate([])).toThrow(UsageError);
    expect(() => model.createSession({ contextLength: 513 })).toThrow(UsageError);
    await expect(session.generate(new Array(9).fill(1)).result).rejects.toThrow(ResourceError);
    await expect(session.generate([1, 99_999]).result).rejects.toThrow(UsageError);
    const biased = session.generate([1], { sampling: { logitBias: [[512, 1]] } });
    await expect(biased.result).rejects.toThrow(/outside the vocabulary/);
    session.close();
    await expect(async () => session.evaluate([1])).rejects.toThrow(/closed/);
  });
});

describe("close", () => {
  it("ends running generations and later calls", async () => {
    const other = await openModel(goldenPath("gguf/a.i2_s.gguf"));
    const session = other.createSession();
    const generation = session.generate(other.encode("Once"), GREEDY);
    await other.close();
    expect((await generation.result).finishReason).toBe("cancelled");
    expect(() => session.generate([1])).toThrow(/closed/);
    expect(() => other.createSession()).toThrow(/closed/);
    await other.close();
  });
});

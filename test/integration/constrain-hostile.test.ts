import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundledModelPath } from "../../src/engine/bundled.ts";
import { type OpenModel, openModel } from "../../src/index.ts";

let model: OpenModel;
beforeAll(async () => {
  model = await openModel(bundledModelPath());
});
afterAll(() => model.close());

/** Rules that all look at the whole vocabulary. */
const slowGrammar = (n: number) =>
  `root ::= r0\n${Array.from({ length: n }, (_, i) => `r${i} ::= [^a] r${(i + 1) % n} | [^b] "${i}"`).join("\n")}`;

describe("a grammar that takes too long", () => {
  it("is given up, and others go on where they were", async () => {
    const constraint = await model.constrain({ json: true });
    const options = { constraint, seed: 5, maxTokens: 40 };
    const prompt = model.encode("Once");
    const alone = await model.createSession().generate(prompt, options).text();
    const generation = model.createSession().generate(prompt, options);
    let text = "";
    let nRefused = 0;
    for await (const chunk of generation) {
      text += chunk.text;
      if (nRefused >= 2) continue;
      nRefused++;
      const slow = model.constrain({ grammar: slowGrammar(2000 + nRefused) }, { compileMs: 50 });
      await expect(slow).rejects.toMatchObject({
        code: "E_USAGE",
        message: "the grammar cannot be compiled: it took more than 0.05 s",
      });
    }
    expect(nRefused).toBe(2);
    expect(text).toBe(alone);
  });
});

describe("a hostile schema", () => {
  const nested = (n: number): object => (n === 0 ? {} : { items: nested(n - 1) });
  it.each<[string, unknown, RegExp]>([
    ["nested too deep", nested(500), /nested deeper than 64 levels/],
    [
      "too many parts",
      { enum: Array.from({ length: 5000 }, (_, i) => [i]) },
      /more than 4000 parts/,
    ],
    ["too long", { const: "x".repeat(300_000) }, /at most 262144/],
    ["a reference to itself", { $ref: "#" }, /leads to itself|no value is valid/],
    ["a loop of joints", { allOf: [{ $ref: "#" }, { type: "null" }] }, /leads to itself/],
    [
      "alternatives of alternatives",
      { allOf: Array.from({ length: 12 }, () => ({ anyOf: [{ minimum: 1 }, { maximum: 2 }] })) },
      /more than 256 alternatives/,
    ],
    [
      "a reference out of the document",
      { $ref: "https://example.com/schema" },
      /only places in this/,
    ],
    ["a reference to nothing", { $ref: "#/$defs/none" }, /nothing there/],
    ["a reference to a prototype", { $ref: "#/constructor" }, /nothing there/],
    [
      "a keyword of the prototype",
      { constructor: 1, toString: 2 },
      /"constructor" is not supported/,
    ],
    ["huge counts", { type: "array", items: {}, maxItems: 1e9 }, /counts above 1000/],
    ["huge counts in a pattern", { pattern: "a{100000}" }, /a count above 1000/],
    ["no value at all", { type: "string", enum: [1] }, /no value is valid/],
    ["not a schema", [], /object, true or false/],
  ])("with %s is refused", async (_name, schema, words) => {
    const compiled = model.constrain({ jsonSchema: schema as object });
    await expect(compiled).rejects.toThrow(words);
    await expect(compiled).rejects.toMatchObject({ code: "E_USAGE" });
  });

  it("with many nested counts ends in time or is given up", async () => {
    const many = (n: number): object =>
      n === 0 ? { type: "integer" } : { type: "array", items: many(n - 1), maxItems: 40 };
    const compiled = model.constrain({ jsonSchema: many(4) }, { compileMs: 3000 });
    await compiled.catch((error) => expect(error).toMatchObject({ code: "E_USAGE" }));
    const { text } = await say();
    expect(text).toMatch(/^[0-9]$/);
  });
});

async function say() {
  const constraint = await model.constrain({ grammar: "root ::= [0-9]" });
  return { text: await model.createSession().generate(model.encode("1"), { constraint }).text() };
}

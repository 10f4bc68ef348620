import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundledModelPath } from "../../src/engine/bundled.ts";
import { type OpenModel, openModel } from "../../src/index.ts";
import { isValid } from "../support/json-schema.ts";
import { seededRandom } from "../support/random.ts";
import { randomSchema } from "../support/random-schema.ts";

const WILD = { temperature: 2, topK: 0, topP: 1, minP: 0 };

let model: OpenModel;
beforeAll(async () => {
  model = await openModel(bundledModelPath());
});
afterAll(() => model.close());

/** Texts of a schema; one that is whole must be valid for it. */
async function texts(jsonSchema: object | boolean, n = 2, maxTokens = 80): Promise<string[]> {
  const constraint = await model.constrain({ jsonSchema });
  const whole: string[] = [];
  for (let seed = 0; seed < n; seed++) {
    const session = model.createSession();
    const options = { constraint, seed, maxTokens, sampling: WILD };
    const generation = session.generate(model.encode("Once"), options);
    const text = await generation.text();
    const { complete, finishReason } = await generation.result;
    session.close();
    if (complete) {
      expect([jsonSchema, text, isValid(jsonSchema, JSON.parse(text))]).toEqual([
        jsonSchema,
        text,
        true,
      ]);
      whole.push(text);
    } else {
      expect(finishReason).toBe("length");
    }
  }
  return whole;
}

describe("a JSON Schema", () => {
  it("holds of every whole text, whatever it says", async () => {
    const random = seededRandom(20261126);
    let nWhole = 0;
    const nSchemas = 20;
    for (let i = 0; i < nSchemas; i++) {
      nWhole += (await texts(randomSchema(random, 2) as object)).length;
    }
    expect(nWhole).toBeGreaterThan(nSchemas); // more than half of the texts
  });

  it("may be recursive", async () => {
    const node = {
      type: "object",
      properties: {
        value: { type: "integer", minimum: 0, maximum: 9 },
        next: { anyOf: [{ type: "null" }, { $ref: "#/$defs/node" }] },
      },
      required: ["value", "next"],
    };
    const whole = await texts({ $defs: { node }, $ref: "#/$defs/node" }, 3);
    expect(whole.length).toBeGreaterThan(0);
  });

  it("may join recursive schemas", async () => {
    const tree = { type: "object", properties: { down: { $ref: "#" } } };
    const joined = {
      ...tree,
      allOf: [{ properties: { down: { type: "object" }, n: { const: 1 } } }],
    };
    expect((await texts(joined, 4)).length).toBeGreaterThan(0);
  });

  it("keeps other properties apart from those that it names", async () => {
    const schema = {
      type: "object",
      properties: { the: { const: 1 }, t: { const: 2 }, "": { const: 3 } },
      additionalProperties: { type: "string", maxLength: 3 },
    };
    expect((await texts(schema, 4, 60)).length).toBeGreaterThan(0);
  });
});

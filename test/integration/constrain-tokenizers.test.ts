import { describe, expect, it } from "vitest";
import { compileConstraint } from "../../src/constrain/constraint.ts";
import { tokenizerFromJson } from "../../src/tokenizer/from-json.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { readGoldenJson } from "../support/golden.ts";
import { isValid } from "../support/json-schema.ts";
import { seededRandom } from "../support/random.ts";
import { llama3Json } from "../unit/tokenizer/support.ts";

interface Witness {
  readonly tokenizer: unknown;
}

const fromModel = (model: string) => () =>
  tokenizerFromJson({
    tokenizer: readGoldenJson(`models/${model}/tokenizer.json`),
    tokenizerConfig: readGoldenJson(`models/${model}/tokenizer_config.json`),
  });
const fromWitness = (name: string) => () =>
  tokenizerFromJson({ tokenizer: readGoldenJson<Witness>(`tokenizer/${name}.json`).tokenizer });

const TOKENIZERS: readonly [string, () => Tokenizer | Promise<Tokenizer>][] = [
  ["tiny Llama 3", fromModel("a-packed")],
  ["tiny Qwen", fromModel("d")],
  ["Llama 2 (SentencePiece)", fromWitness("llama2")],
  ["Gemma", fromWitness("gemma")],
  ["Qwen 3", fromWitness("qwen")],
  ["three-step split", fromWitness("falcon3")],
  ["Llama 3, 128k", async () => tokenizerFromJson({ tokenizer: await llama3Json() })],
];

const SCHEMA = {
  type: "object",
  properties: {
    word: { type: "string", minLength: 1, maxLength: 5 },
    list: { type: "array", items: { type: "integer", minimum: -5, maximum: 99 }, maxItems: 3 },
    kind: { enum: ["a b", "é", '"\\'] },
    flag: { type: ["boolean", "null"] },
    // Alternatives that begin and end alike, which the library joins where it must not.
    far: { type: "integer", minimum: -1930, maximum: 108 },
  },
  required: ["word", "list", "kind", "flag", "far"],
};

/** Ids of a random text, as if a model had chosen among what the mask allows. */
async function walk(tokenizer: Tokenizer, seed: number): Promise<number[]> {
  const constraint = await compileConstraint(tokenizer, { jsonSchema: SCHEMA });
  const stop = tokenizer.vocabSize - 1;
  const mask = constraint.start([stop]);
  const random = seededRandom(seed);
  const ids: number[] = [];
  for (;;) {
    const words = await mask.next(ids);
    const allowed: number[] = [];
    for (let id = 0; id < words.length * 32; id++) {
      if (((words[id >>> 5] as number) >>> (id & 31)) & 1) allowed.push(id);
    }
    expect(allowed.filter((id) => tokenizer.isSpecial(id) && id !== stop)).toEqual([]);
    expect(allowed.every((id) => id < tokenizer.vocabSize)).toBe(true);
    expect(await mask.isWhole(ids)).toBe(allowed.includes(stop));
    if (allowed.includes(stop)) {
      mask.close();
      return ids;
    }
    ids.push(allowed[random(allowed.length)] as number);
  }
}

describe.each(TOKENIZERS)("the vocabulary of %s", (_name, build) => {
  it("gives valid JSON whatever is chosen", async () => {
    const tokenizer = await build();
    for (let seed = 0; seed < 3; seed++) {
      const ids = await walk(tokenizer, seed);
      const text = Buffer.concat(ids.map((id) => tokenizer.pieceBytes(id))).toString("utf8");
      expect([text, isValid(SCHEMA, JSON.parse(text))]).toEqual([text, true]);
      expect(text).not.toContain("\ufffd");
      expect(tokenizer.decode(ids, { continues: true })).toBe(text);
    }
  });
});

import { describe, expect, it } from "vitest";
import { schemaGrammar } from "../../../src/constrain/schema/grammar.ts";

describe("keywords that cannot be kept to", () => {
  it.each<[object, string]>([
    [{ not: {} }, 'schema: /: keyword "not" is not supported'],
    [{ type: "object", if: {} }, 'keyword "if" is not supported'],
    [{ properties: { a: { patternProperties: {} } } }, "schema: /properties/a: keyword"],
    [{ type: "object", propertyNames: {} }, 'keyword "propertyNames"'],
    [{ type: "object", dependentRequired: {} }, 'keyword "dependentRequired"'],
    [{ type: "array", contains: {} }, 'keyword "contains"'],
    [{ type: "array", uniqueItems: true }, "uniqueItems is not supported"],
    [{ type: "number", multipleOf: 0.5 }, "multipleOf is supported for 1 alone"],
    [{ unevaluatedProperties: false }, 'keyword "unevaluatedProperties"'],
    [{ type: "string", format: "idn-email" }, 'format "idn-email" is not supported'],
    [{ type: "string", pattern: "(?=a)b" }, "looking around"],
    [{ type: "string", pattern: "(a)\\1" }, "\\1 in a pattern"],
    [{ type: "string", pattern: "\\bword\\b" }, "\\b in a pattern"],
    [{ type: "string", pattern: "(" }, "Invalid regular expression"],
    [{ type: "string", pattern: "a", minLength: 3 }, "minLength and maxLength beside pattern"],
    [{ type: "string", pattern: "a", format: "date" }, "pattern beside format"],
    [{ type: "string", minLength: 65 }, "minLength above 64"],
    [{ type: "strin" }, 'unknown type "strin"'],
    [{ minimum: "1" }, "expected a number"],
    [{ required: "a" }, "expected a list of names"],
    [{ oneOf: [{ type: "integer" }, { type: "number" }] }, "branches 0 and 1 of oneOf"],
    [{ oneOf: [{ type: "object" }, { type: "object" }] }, "not told apart"],
    [{ nullable: true }, 'keyword "nullable"'],
    [{ $dynamicRef: "#a" }, 'keyword "$dynamicRef"'],
    [
      { properties: { a: {}, b: {} }, additionalProperties: false, minProperties: 1 },
      "beside optional properties",
    ],
  ])("%j are refused by name", (schema, words) => {
    expect(() => schemaGrammar(schema)).toThrow(words);
  });

  it("are found in every part, even in one that nothing refers to when it is used", () => {
    const schema = { $defs: { a: { not: {} } }, properties: { x: { $ref: "#/$defs/a" } } };
    expect(() => schemaGrammar(schema)).toThrow("/$defs/a: keyword");
  });
});

describe("keywords that say nothing of values", () => {
  it("are passed over", () => {
    const plain = schemaGrammar({ type: "string" });
    const told = {
      title: "t",
      description: "d",
      default: 1,
      examples: [],
      $comment: "c",
      "x-a": 1,
    };
    expect(schemaGrammar({ type: "string", ...told })).toBe(plain);
  });
});

describe("a schema without a value", () => {
  it.each<[unknown]>([
    [false],
    [{ enum: [] }],
    [{ type: "integer", minimum: 2, maximum: 1 }],
    [{ type: "string", minLength: 2, maxLength: 1 }],
    [{ type: "array", items: false, minItems: 1 }],
    [{ type: "object", properties: { a: false }, required: ["a"] }],
    [{ allOf: [{ type: "string" }, { type: "null" }] }],
    [{ type: "string", allOf: [{ enum: ["a", 1] }, { enum: [1, "b"] }] }],
    [{ anyOf: [false, { const: 1, type: "string" }] }],
  ])("%j is refused", (schema) => {
    expect(() => schemaGrammar(schema)).toThrow("no value is valid");
  });
});

/** A whole number below the given one. */
export type Random = (below: number) => number;

/** A JSON Schema of what constraints can keep to, nested at most `depth` deep. */
export function randomSchema(random: Random, depth: number): unknown {
  const kinds = depth > 0 ? [...LEAVES, ...BRANCHES] : LEAVES;
  return pick(random, kinds)(random, depth - 1);
}

type Make = (random: Random, depth: number) => unknown;

const LEAVES: readonly Make[] = [
  () => ({ type: "boolean" }),
  () => ({ type: ["null", "integer"] }),
  (random) => {
    const low = integer(random, -2000, 2000);
    return { type: "integer", minimum: low, maximum: low + integer(random, 0, 3000) };
  },
  (random) => {
    const low = integer(random, -500, 500);
    const high = low + integer(random, 1, 4000);
    return { type: "number", exclusiveMinimum: low / 100, maximum: high / 100 };
  },
  (random) => ({ type: "number", minimum: integer(random, -30, 30) / 10 }),
  (random) => {
    const least = integer(random, 0, 3);
    return { type: "string", minLength: least, maxLength: least + integer(random, 0, 6) };
  },
  (random) => ({ enum: ["red", 'a "b"\\', 7, null, { k: [1, "é"] }].slice(integer(random, 0, 4)) }),
  (random) => ({ type: "string", pattern: pick(random, PATTERNS) }),
  (random) => ({ type: "string", format: pick(random, ["date", "uuid", "ipv4", "date-time"]) }),
];

const PATTERNS = [
  "^[A-Z]{2}-\\d{3}$",
  "^(on|off)?$",
  '^[^a-z]{1,4}"$',
  "^\\w+\\.(?:js|ts)$",
  "^[äöü]+$",
];

const BRANCHES: readonly Make[] = [
  (random, depth) => ({
    type: "array",
    items: randomSchema(random, depth),
    minItems: integer(random, 0, 2),
    maxItems: integer(random, 2, 4),
  }),
  (random, depth) => ({
    type: "array",
    prefixItems: [randomSchema(random, depth), randomSchema(random, depth)],
    items: pick(random, [false, { type: "null" }]),
    minItems: integer(random, 0, 2),
  }),
  (random, depth) => {
    const names = ["name", "née", "a b", 'quo"te', "names"].slice(integer(random, 0, 4));
    const properties = Object.fromEntries(names.map((name) => [name, randomSchema(random, depth)]));
    const required = names.filter(() => random(2) === 0);
    const additionalProperties = pick(random, [false, randomSchema(random, 0)]);
    return { type: "object", properties, required, additionalProperties };
  },
  (random, depth) => ({ anyOf: [randomSchema(random, depth), randomSchema(random, depth)] }),
  (random, depth) => ({
    oneOf: ["x", "y"].map((kind) => ({
      type: "object",
      properties: { kind: { const: kind }, value: randomSchema(random, depth) },
      required: ["kind", "value"],
      additionalProperties: false,
    })),
  }),
  (random, depth) => ({
    allOf: [
      { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
      { properties: { a: { minimum: 5, maximum: 50 }, b: randomSchema(random, depth) } },
    ],
  }),
];

function integer(random: Random, low: number, high: number): number {
  return low + random(high - low + 1);
}

function pick<T>(random: Random, options: readonly T[]): T {
  return options[integer(random, 0, options.length - 1)] as T;
}

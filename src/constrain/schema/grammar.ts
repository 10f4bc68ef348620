import { UsageError } from "../../errors.ts";
import { JSON_RULES } from "../json-rules.ts";
import { arrayGrammars } from "./arrays.ts";
import type { Flat } from "./flat.ts";
import { Flattener } from "./flatten.ts";
import { readKeywords } from "./keywords.ts";
import {
  child,
  isObject,
  type JsonType,
  type Place,
  placesOf,
  refuse,
  type Schema,
} from "./node.ts";
import { numberGrammars } from "./numbers.ts";
import { objectRule } from "./objects.ts";
import { Rules } from "./rules.ts";
import { stringGrammars } from "./strings.ts";
import { valueGrammars } from "./values.ts";

const MAX_NODES = 4000;
const MAX_DEPTH = 64;
const MAX_SCHEMA_CHARS = 256 * 1024;

/** The grammar of the JSON texts that are valid for a schema: of enough of them, not always of all.
 *  @throws {UsageError} a mistake in it, a keyword that cannot be kept to, a schema that is too large,
 *                       or one for which no value is valid */
export function schemaGrammar(schema: unknown): string {
  checkSize(schema);
  const grammar = new SchemaGrammar(schema as Schema);
  return grammar.write();
}

function checkSize(schema: unknown): void {
  let nNodes = 0;
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null) return;
    if (depth > MAX_DEPTH) throw new UsageError(`schema: nested deeper than ${MAX_DEPTH} levels`);
    if (++nNodes > MAX_NODES) throw new UsageError(`schema: more than ${MAX_NODES} parts`);
    for (const part of Object.values(value)) visit(part, depth + 1);
  };
  visit(schema, 0);
  if (typeof schema !== "boolean" && !isObject(schema))
    refuse("", "a schema is an object, true or false");
  const { length } = JSON.stringify(schema);
  if (length > MAX_SCHEMA_CHARS) {
    throw new UsageError(`schema: ${length} characters, at most ${MAX_SCHEMA_CHARS}`);
  }
}

class SchemaGrammar {
  readonly #root: Place;
  readonly #flattener: Flattener;
  readonly #rules = new Rules();
  /** Rules of schemas; undefined where no value is valid. */
  readonly #known = new Map<Schema, string | undefined>();

  constructor(schema: Schema) {
    this.#root = { schema, pointer: "" };
    this.#flattener = new Flattener(schema);
  }

  write(): string {
    const name = this.#rule(this.#root);
    if (name === undefined) throw new UsageError("schema: no value is valid for it");
    return `root ::= ${name}\n${this.#rules}${JSON_RULES}`;
  }

  readonly #rule = (place: Place): string | undefined => this.#ruleWithin(place, []);

  /** @param chain  the schemas of which this one is all: what leads back to them says nothing */
  #ruleWithin(place: Place, chain: readonly Schema[]): string | undefined {
    const { schema } = place;
    if (schema === true) return "value";
    if (schema === false) return undefined;
    if (this.#known.has(schema)) return this.#known.get(schema);
    const name = this.#rules.reserve("schema");
    this.#known.set(schema, name); // it may refer to itself
    const options = this.#options(place, [...chain, schema]);
    this.#known.set(schema, options.length === 0 ? undefined : name);
    this.#rules.name(name, options.length === 0 ? '""' : this.#rules.choice(options));
    return options.length === 0 ? undefined : name;
  }

  #options(place: Place, chain: readonly Schema[]): string[] {
    const joint = this.#soleJoint(place)?.filter(({ schema }) => !chain.includes(schema));
    if (joint) {
      const rules = joint.map((part) => this.#ruleWithin(part, chain));
      return rules.filter((name) => name !== undefined);
    }
    return this.#flattener.flatten(place).flatMap((flat) => this.#write(flat));
  }

  /** The schemas of which one must hold and that is all; they may lead back here. */
  #soleJoint(place: Place): Place[] | undefined {
    const { schema, pointer } = place;
    if (!isObject(schema) || readKeywords(place) !== "anything") return undefined;
    const joints = ["$ref", "allOf", "anyOf", "oneOf"].filter((name) => name in schema);
    const [joint] = joints;
    if (joint === undefined || joints.length > 1) return undefined;
    if (joint === "$ref") return [this.#flattener.resolve(schema[joint], pointer)];
    const parts = placesOf(schema[joint], child(pointer, joint));
    if (joint === "allOf") return parts.length === 1 ? parts : undefined;
    if (joint === "oneOf" && parts.length > 1) this.#flattener.exclusive(place);
    return parts;
  }

  #write(flat: Flat): string[] {
    if (flat.values) return valueGrammars(flat, flat.values);
    const types = flat.types ?? impliedTypes(flat);
    if (types === undefined) return ["value"];
    const has = (type: JsonType) => types.has(type);
    return [
      ...(has("null") ? ['"null"'] : []),
      ...(has("boolean") ? ['"true"', '"false"'] : []),
      ...(has("number") || has("integer") ? this.#numbers(flat, !has("number")) : []),
      ...(has("string") ? stringGrammars(flat, this.#rules) : []),
      ...(has("array") ? arrayGrammars(flat, this.#rules, this.#rule) : []),
      ...(has("object") ? optional(objectRule(flat, this.#rules, this.#rule)) : []),
    ];
  }

  #numbers({ number, pointer }: Flat, onlyIntegers: boolean): string[] {
    const { whole, ...bounds } = number;
    const isWhole = onlyIntegers || whole === true;
    if (Object.keys(bounds).length === 0) return [isWhole ? "integer" : "number"];
    const grammars = numberGrammars(bounds, isWhole);
    return (
      grammars ?? refuse(pointer, "a bound with more than 15 digits or 9 decimals is not supported")
    );
  }
}

function optional(text: string | undefined): string[] {
  return text === undefined ? [] : [text];
}

/** Keywords of one type say which type is meant where `type` does not. */
function impliedTypes({ text, number, list, fields }: Flat): ReadonlySet<JsonType> | undefined {
  const types = new Set<JsonType>();
  if (Object.keys(text).length > 0) types.add("string");
  if (Object.keys(number).length > 0) types.add("number");
  if (Object.keys(list).length > 0) types.add("array");
  if (Object.keys(fields).length > 0) types.add("object");
  return types.size === 0 ? undefined : types;
}

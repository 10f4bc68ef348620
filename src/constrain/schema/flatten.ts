import { ANYTHING, type Flat } from "./flat.ts";
import { readKeywords } from "./keywords.ts";
import { canonical, merge } from "./merge.ts";
import { type JsonType, type Place, placeOf, placesOf, refuse, type Schema } from "./node.ts";

/** More alternatives than this come of alternatives within alternatives. */
const MAX_VARIANTS = 256;
/** Joints within joints. */
const MAX_DEPTH = 32;

/** Follows references and joins schemas, so that what is left are alternatives without joints. */
export class Flattener {
  readonly #root: Schema;
  /** Schemas made of two others: the same two give the same one, so that recursion ends. */
  readonly #joined = new Map<Schema, Map<Schema, Place>>();

  constructor(root: Schema) {
    this.#root = root;
  }

  /** The schema that a reference names.
   *  @throws {UsageError} it is not in this document, or there is nothing there */
  resolve(ref: unknown, pointer: string): Place {
    if (typeof ref !== "string" || !/^#(?:\/|$)/.test(ref)) {
      return refuse(
        pointer,
        `$ref ${JSON.stringify(ref)}: only places in this schema (#/...) can be`,
      );
    }
    let value: unknown = this.#root;
    for (const step of ref.slice(1).split("/").slice(1)) {
      const name = decode(step, pointer).replaceAll("~1", "/").replaceAll("~0", "~");
      const has = typeof value === "object" && value !== null && Object.hasOwn(value, name);
      if (!has) refuse(pointer, `$ref ${JSON.stringify(ref)}: there is nothing there`);
      value = (value as Record<string, unknown>)[name];
    }
    return placeOf(value, ref.slice(1));
  }

  /** A schema that asks what both ask. */
  readonly join = (a: Place, b: Place): Place => {
    if (a.schema === b.schema || b.schema === true || a.schema === false) return a;
    if (a.schema === true || b.schema === false) return b;
    const known = this.#joined.get(a.schema) ?? new Map<Schema, Place>();
    this.#joined.set(a.schema, known);
    const place = known.get(b.schema) ?? {
      schema: { allOf: [a.schema, b.schema] },
      pointer: a.pointer,
    };
    known.set(b.schema, place);
    return place;
  };

  /** Alternatives, one of which a valid value keeps to.
   *  @throws {UsageError} keywords that are not supported, joints that lead to themselves */
  flatten(place: Place, depth = 0): Flat[] {
    const { schema, pointer } = place;
    if (schema === false) return [];
    if (schema === true) return [{ pointer, ...ANYTHING }];
    if (depth > MAX_DEPTH)
      refuse(pointer, "a $ref that leads to itself, or too many joined schemas");
    const own = readKeywords(place);
    let flats: Flat[] = own === "anything" ? [{ pointer, ...ANYTHING }] : [own];
    const and = (others: Flat[]) => {
      flats = flats.flatMap((a) => others.map((b) => merge(a, b, this.join)));
      if (flats.length > MAX_VARIANTS) refuse(pointer, `more than ${MAX_VARIANTS} alternatives`);
    };
    if ("$ref" in schema) and(this.flatten(this.resolve(schema["$ref"], pointer), depth + 1));
    if ("allOf" in schema) {
      for (const part of this.#parts(place, "allOf")) and(this.flatten(part, depth + 1));
    }
    if ("anyOf" in schema) {
      and(this.#parts(place, "anyOf").flatMap((part) => this.flatten(part, depth + 1)));
    }
    if ("oneOf" in schema) and(this.exclusive(place, depth + 1).flat());
    return flats;
  }

  /** The branches of oneOf.
   *  @throws {UsageError} a value might be valid for two of them */
  exclusive(place: Place, depth = 0): Flat[][] {
    const branches = this.#parts(place, "oneOf").map((part) => this.flatten(part, depth));
    branches.forEach((branch, i) => {
      for (let j = 0; j < i; j++) {
        const apart = branch.every((a) => branches[j]?.every((b) => this.#areApart(a, b, depth)));
        if (apart) continue;
        const which = `branches ${j} and ${i} of oneOf are not told apart by their types or a constant`;
        refuse(
          place.pointer,
          which,
          "use anyOf, or a required property with another const in each",
        );
      }
    });
    return branches;
  }

  #parts({ schema, pointer }: Place, joint: string): Place[] {
    return placesOf((schema as Record<string, unknown>)[joint], `${pointer}/${joint}`);
  }

  /** Whether no value is valid for both, as far as is easily seen. */
  #areApart(a: Flat, b: Flat, depth: number): boolean {
    if (a.values && b.values) {
      const texts = new Set(a.values.map(canonical));
      return !b.values.some((value) => texts.has(canonical(value)));
    }
    const common = [...typesOf(a)].filter((type) => typesOf(b).has(type));
    if (common.length === 0) return true;
    if (common.some((type) => type !== "object") || depth > MAX_DEPTH) return false;
    const shared = [...(a.fields.required ?? [])].filter((name) => b.fields.required?.has(name));
    return shared.some((name) => {
      const [left, right] = [a, b].map(({ fields }) => fields.named?.get(name));
      if (!left || !right) return false;
      const rights = this.flatten(right, depth + 1);
      return this.flatten(left, depth + 1).every((x) =>
        rights.every((y) => this.#areApart(x, y, depth + 1)),
      );
    });
  }
}

/** The types that a valid value may have; a number may be an integer. */
function typesOf({ types, values }: Flat): ReadonlySet<JsonType> {
  if (values) {
    const kinds = values.map(typeOf).flatMap((t) => (t === "number" ? ["number", "integer"] : [t]));
    return new Set(kinds as JsonType[]);
  }
  if (!types) return new Set(["null", "boolean", "integer", "number", "string", "array", "object"]);
  return types.has("number") ? new Set([...types, "integer"]) : types;
}

export function typeOf(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as JsonType;
}

function decode(step: string, pointer: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return refuse(pointer, `$ref: ${JSON.stringify(step)} is not a part of a URI`);
  }
}

/** The part of JSON Schema that describes our documents. Every object is closed: a field that is not
 *  described here is an error. */
export type Schema = Readonly<Record<string, unknown>>;

/** Names of fields; one that ends with `?` may be absent. */
type Fields = Readonly<Record<string, Schema>>;

export const text = (description: string): Schema => ({ type: "string", description });
export const number = (description: string): Schema => ({ type: "number", description });
export const count = (description: string): Schema => ({ type: "integer", description });
export const flag = (description: string): Schema => ({ type: "boolean", description });
/** Anything at all. */
export const any = (description: string): Schema => ({ description });

export function oneOf(description: string, ...values: readonly string[]): Schema {
  return { type: "string", enum: values, description };
}

export function list(description: string, items: Schema): Schema {
  return { type: "array", items, description };
}

/** An object that maps any name to a value. */
export function map(description: string, values: Schema): Schema {
  return { type: "object", additionalProperties: values, description };
}

export function object(description: string, fields: Fields): Schema {
  const names = Object.keys(fields);
  const properties = Object.entries(fields).map(([name, schema]) => [bare(name), schema]);
  return {
    type: "object",
    description,
    properties: Object.fromEntries(properties),
    required: names.filter((name) => !name.endsWith("?")),
    additionalProperties: false,
  };
}

/** The same, or null. */
export function nullable(schema: Schema): Schema {
  const { description, ...inner } = schema;
  return { anyOf: [inner, { type: "null" }], description };
}

/** One of several forms. */
export function either(description: string, ...anyOf: readonly Schema[]): Schema {
  return { anyOf, description };
}

function bare(name: string): string {
  return name.replace(/\?$/, "");
}

/** A field of a document: `usage.promptTokens`, `results[].test`. */
export interface Field {
  readonly path: string;
  readonly type: string;
  readonly optional: boolean;
  readonly description: string;
}

/** Every field of a schema, outer ones first. */
export function fieldsOf(schema: Schema, prefix = ""): readonly Field[] {
  return formsOf(schema).flatMap((form) => {
    const required = (form["required"] ?? []) as readonly string[];
    const properties = Object.entries((form["properties"] ?? {}) as Fields);
    const own = properties.flatMap(([name, inner]) => {
      const path = prefix === "" ? name : `${prefix}.${name}`;
      const optional = !required.includes(name);
      const description = String(inner["description"] ?? "");
      return [{ path, type: typeOf(inner), optional, description }, ...fieldsOf(inner, path)];
    });
    const items = form["items"] as Schema | undefined;
    const values = form["additionalProperties"] as Schema | false | undefined;
    return [
      ...own,
      ...(items ? fieldsOf(items, `${prefix}[]`) : []),
      ...(values ? fieldsOf(values, `${prefix}.*`) : []),
    ];
  });
}

function formsOf(schema: Schema): readonly Schema[] {
  return (schema["anyOf"] as readonly Schema[] | undefined) ?? [schema];
}

function typeOf(schema: Schema): string {
  const names = formsOf(schema).map((form) => {
    const values = form["enum"] as readonly string[] | undefined;
    if (values) return values.map((value) => `"${value}"`).join(" or ");
    const items = form["items"] as Schema | undefined;
    return items ? `list of ${typeOf(items)}` : String(form["type"] ?? "any");
  });
  return [...new Set(names)].join(" or ");
}

import { type Static, type TSchema, Type } from "typebox";

/** A field that may be left out, or null, which means the same. One list of types, so that the message
 *  of a value that does not fit stays short. */
export function optional<T extends TSchema & { readonly type: string }>(schema: T) {
  return Type.Optional(
    Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, "null"] } as TSchema),
  );
}

/** The same for one of a few words. */
export function optionalWord<const T extends string>(words: readonly T[], description?: string) {
  return Type.Optional(
    Type.Unsafe<T | null>({
      type: ["string", "null"],
      enum: [...words, null],
      ...(description !== undefined && { description }),
    } as TSchema),
  );
}

export const ErrorAnswer = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: Type.Unsafe<string | null>({ type: ["string", "null"] }),
    code: Type.String(),
    error_code: Type.String({ description: "kind of the error: see docs/SERVER.md" }),
    retry_after: Type.Optional(Type.Integer({ description: "seconds" })),
  }),
});

export const Usage = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  prompt_tokens_details: Type.Object({
    cached_tokens: Type.Integer({ description: "evaluated by an earlier request" }),
  }),
});
export type Usage = Static<typeof Usage>;

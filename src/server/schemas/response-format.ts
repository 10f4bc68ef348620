import { type Static, Type } from "typebox";
import { optional } from "./common.ts";

const ResponseFormat = Type.Object({
  type: Type.String({ pattern: "^(text|json_object|json_schema)$" }),
  json_schema: optional(
    Type.Object({
      name: optional(Type.String()),
      description: optional(Type.String()),
      schema: optional(Type.Object({}, { description: "JSON schema" })),
      strict: optional(Type.Boolean({ description: "answers always follow the schema" })),
    }),
  ),
});

/** Fields of a request about what its answer must look like. */
export const FORMAT = {
  response_format: optional(ResponseFormat),
  grammar: optional(Type.String({ description: "EBNF; its rule root is the whole answer" })),
};

const FormatFields = Type.Object(FORMAT);
export type FormatFields = Static<typeof FormatFields>;

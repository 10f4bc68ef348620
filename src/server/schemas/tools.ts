import { type Static, type TSchema, Type } from "typebox";
import { optional } from "./common.ts";

const MAX_TOOLS = 128;
const NAME = Type.String({ pattern: "^[a-zA-Z0-9_.-]{1,64}$" });

export const ToolCall = Type.Object({
  id: Type.String(),
  type: Type.Literal("function"),
  function: Type.Object({
    name: Type.String(),
    arguments: Type.String({ description: "JSON" }),
  }),
});
export type ToolCall = Static<typeof ToolCall>;

const Tool = Type.Object({
  type: Type.Literal("function"),
  function: Type.Object({
    name: NAME,
    description: optional(Type.String()),
    parameters: optional(Type.Object({}, { description: "JSON schema" })),
    strict: optional(Type.Boolean()),
  }),
});
export type Tool = Static<typeof Tool>;

export interface NamedTool {
  readonly type: "function";
  readonly function: { readonly name: string };
}

/** Fields of a request about functions that the model may call. */
export const TOOLS = {
  tools: optional(Type.Array(Tool, { maxItems: MAX_TOOLS })),
  tool_choice: Type.Optional(
    Type.Unsafe<"none" | "auto" | "required" | NamedTool | null>({
      type: ["string", "object", "null"],
      if: { type: "string" },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON schema
      then: { enum: ["none", "auto", "required"] },
      else: {
        required: ["type", "function"],
        properties: {
          type: { const: "function" },
          function: { type: "object", required: ["name"], properties: { name: NAME } },
        },
      },
    } as TSchema),
  ),
};

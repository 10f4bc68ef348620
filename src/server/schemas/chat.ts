import { type Static, type TSchema, Type } from "typebox";
import { ROLES } from "../../chat/messages.ts";
import { optional, Usage } from "./common.ts";
import { FORMAT } from "./response-format.ts";
import { SAMPLING, TOP_LOGPROBS } from "./sampling.ts";
import { TOOLS, ToolCall } from "./tools.ts";

const MAX_MESSAGES = 4096;

interface ContentPart {
  readonly type: string;
  readonly text?: string;
}

const ChatMessage = Type.Object({
  role: Type.Unsafe<(typeof ROLES)[number]>({ type: "string", enum: ROLES } as TSchema),
  content: Type.Optional(
    Type.Unsafe<string | ContentPart[] | null>({
      type: ["string", "array", "null"],
      items: {
        type: "object",
        required: ["type"],
        properties: { type: { type: "string" }, text: { type: "string" } },
      },
      description: "text, or parts of type text",
    } as TSchema),
  ),
  name: optional(Type.String()),
  tool_calls: optional(Type.Array(ToolCall)),
  tool_call_id: optional(Type.String()),
});
export type ChatMessage = Static<typeof ChatMessage>;

export const ChatRequest = Type.Object({
  messages: Type.Array(ChatMessage, { minItems: 1, maxItems: MAX_MESSAGES }),
  ...SAMPLING,
  max_completion_tokens: SAMPLING.max_tokens,
  logprobs: optional(Type.Boolean()),
  top_logprobs: optional(TOP_LOGPROBS),
  ...TOOLS,
  ...FORMAT,
});
export type ChatRequest = Static<typeof ChatRequest>;

const TOKEN = {
  token: Type.String(),
  logprob: Type.Number(),
  bytes: Type.Array(Type.Integer()),
};
const Logprobs = Type.Object({
  content: Type.Array(Type.Object({ ...TOKEN, top_logprobs: Type.Array(Type.Object(TOKEN)) })),
});
export type ChatLogprobs = Static<typeof Logprobs>;

export const ChatAnswer = Type.Object({
  id: Type.String(),
  object: Type.String({ description: "chat.completion" }),
  created: Type.Integer(),
  model: Type.String(),
  choices: Type.Array(
    Type.Object({
      index: Type.Integer(),
      message: Type.Object({
        role: Type.Literal("assistant"),
        content: Type.Union([Type.String(), Type.Null()]),
        tool_calls: Type.Optional(Type.Array(ToolCall)),
      }),
      logprobs: Type.Union([Logprobs, Type.Null()]),
      finish_reason: Type.String({ description: "stop, length or tool_calls" }),
    }),
  ),
  usage: Usage,
});
export type ChatAnswer = Static<typeof ChatAnswer>;

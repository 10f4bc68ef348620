import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { answerStream, answerWhole } from "../answering.ts";
import type { ServerParts } from "../app.ts";
import { askerOf } from "../client.ts";
import { chatPrompt } from "../openai/chat.ts";
import { chatForm } from "../openai/chat-form.ts";
import { constraintOf } from "../openai/response-format.ts";
import { generateOptions } from "../openai/sampling.ts";
import { callSchema, isCallForced, toolsOf } from "../openai/tools.ts";
import { ChatAnswer, ChatRequest } from "../schemas/chat.ts";
import { ErrorAnswer } from "../schemas/common.ts";

export function chatRoutes(app: FastifyInstance, { backend, report }: ServerParts): void {
  const schema = {
    summary: "Answer a conversation",
    description: "With stream, server-sent events of chat.completion.chunk objects.",
    body: ChatRequest,
    response: { 200: ChatAnswer, default: ErrorAnswer },
  };
  app
    .withTypeProvider<TypeBoxTypeProvider>()
    .post("/v1/chat/completions", { schema }, async (request, reply) => {
      const { body } = request;
      const serving = backend.require();
      const { service, id } = serving;
      const { tokenizer } = serving.model;
      const tools = toolsOf(body);
      const call = isCallForced(body) ? callSchema(tools) : undefined;
      const logprobs = body.logprobs ? (body.top_logprobs ?? 0) : undefined;
      const job = {
        prompts: [chatPrompt(serving, body, tools)],
        choices: body.n ?? 1,
        options: generateOptions(body, serving, {
          maxTokens: body.max_completion_tokens ?? undefined,
          logprobs,
          constraint: await constraintOf(body, tokenizer, call),
        }),
        ...askerOf(request, reply),
      };
      const form = chatForm({ id, tokenizer, tools });
      const shown = `chat ${tools.map((tool) => tool.function.name)}`;
      const make = () => answerWhole(service, job, form);
      if (!body.stream) return serving.responses?.answer(job, shown, make) ?? make();
      const withUsage = body.stream_options?.include_usage ?? false;
      return answerStream(service, job, form, reply, { report, withUsage });
    });
}

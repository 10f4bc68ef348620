import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { GeneratedToken } from "../../engine/generation.ts";
import type { ServerParts } from "../app.ts";
import type { Serving } from "../backend.ts";
import { type ChoicesRequest, generateChoices } from "../choices.ts";
import { clientSignal } from "../client.ts";
import { answerHead, finishReason } from "../openai/answer.ts";
import { chatPrompt } from "../openai/chat.ts";
import { chatLogprobs } from "../openai/logprobs.ts";
import { generateOptions } from "../openai/sampling.ts";
import { usageOf } from "../openai/usage.ts";
import { ChatAnswer, ChatRequest } from "../schemas/chat.ts";
import { ErrorAnswer } from "../schemas/common.ts";
import { type EventStream, sendEvents } from "../sse.ts";

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
      const serving = backend.require();
      const { body, client } = request;
      const job = {
        prompt: chatPrompt(serving, body),
        options: generateOptions(
          body,
          serving,
          body.logprobs ? (body.top_logprobs ?? 0) : undefined,
        ),
        choices: body.n ?? 1,
        client,
        signal: clientSignal(reply),
      };
      if (!body.stream) return answer(serving, job);
      const withUsage = body.stream_options?.include_usage ?? false;
      return sendEvents(reply, report, (events) => stream(serving, job, events, withUsage));
    });
}

async function answer(serving: Serving, job: ChoicesRequest): Promise<ChatAnswer> {
  const { model, service, id } = serving;
  const choices = Array.from({ length: job.choices }, () => ({
    text: "",
    tokens: [] as GeneratedToken[],
  }));
  const results = await generateChoices(service, job, {
    chunk: (i, { text, tokens = [] }) => {
      const choice = choices[i];
      if (choice === undefined) return;
      choice.text += text;
      choice.tokens.push(...tokens);
    },
  });
  return {
    ...answerHead("chatcmpl", id),
    object: "chat.completion",
    choices: results.map((result, index) => ({
      index,
      message: { role: "assistant", content: choices[index]?.text ?? "" },
      logprobs:
        job.options.logprobs === undefined
          ? null
          : chatLogprobs(choices[index]?.tokens, model.tokenizer),
      finish_reason: finishReason(result.finishReason),
    })),
    usage: usageOf(job.prompt.length, results),
  };
}

async function stream(
  { model, service, id }: Serving,
  job: ChoicesRequest,
  events: EventStream,
  withUsage: boolean,
): Promise<void> {
  const head = { ...answerHead("chatcmpl", id), object: "chat.completion.chunk" };
  const usage = withUsage ? { usage: null } : {};
  const send = (choice: object) => events.send({ ...head, choices: [choice], ...usage });
  const results = await generateChoices(service, job, {
    start: (index) => {
      events.open();
      const delta = { role: "assistant", content: "" };
      void send({ index, delta, logprobs: null, finish_reason: null });
    },
    chunk: async (index, { text, tokens }) => {
      const logprobs = chatLogprobs(tokens, model.tokenizer);
      await send({ index, delta: { content: text }, logprobs, finish_reason: null });
    },
  });
  for (const [index, result] of results.entries()) {
    const finish_reason = finishReason(result.finishReason);
    await send({ index, delta: {}, logprobs: null, finish_reason });
  }
  if (!withUsage) return;
  await events.send({ ...head, choices: [], usage: usageOf(job.prompt.length, results) });
}

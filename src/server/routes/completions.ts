import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { answerStream, answerWhole } from "../answering.ts";
import { ApiError } from "../api-error.ts";
import type { ServerParts } from "../app.ts";
import { askerOf } from "../client.ts";
import { completionForm } from "../openai/completion-form.ts";
import { constraintOf } from "../openai/response-format.ts";
import { generateOptions } from "../openai/sampling.ts";
import { echoOf, idsOf, textsOf } from "../openai/text-input.ts";
import { ErrorAnswer } from "../schemas/common.ts";
import { CompletionAnswer, CompletionRequest } from "../schemas/completion.ts";

export function completionRoutes(app: FastifyInstance, { backend, report }: ServerParts): void {
  const schema = {
    summary: "Go on from a text",
    description: "With stream, server-sent events of the same objects.",
    body: CompletionRequest,
    response: { 200: CompletionAnswer, default: ErrorAnswer },
  };
  app
    .withTypeProvider<TypeBoxTypeProvider>()
    .post("/v1/completions", { schema }, async (request, reply) => {
      const { body } = request;
      const serving = backend.require();
      checkSupported(body);
      const { tokenizer } = serving.model;
      const inputs = textsOf(body.prompt, "prompt").map((text) => {
        return { text, ids: idsOf(text, tokenizer) };
      });
      const choices = body.n ?? 1;
      const top = body.logprobs ?? undefined;
      const isScored = body.echo === true && top !== undefined;
      const job = {
        prompts: inputs.map(({ ids }) => ids),
        choices,
        options: generateOptions(body, serving, {
          logprobs: top,
          constraint: await constraintOf(body, tokenizer),
        }),
        score: isScored ? { top, width: serving.model.hparams.vocabSize } : undefined,
        ...askerOf(request, reply),
      };
      const echoes = inputs.map(({ text, ids }) => body.echo && echoOf(text, ids, tokenizer));
      const echo = (index: number) => echoes[Math.floor(index / choices)] || undefined;
      const form = completionForm({ id: serving.id, tokenizer, echo });
      const shown = `text ${body.echo === true}`;
      const make = () => answerWhole(serving.service, job, form);
      if (!body.stream) return serving.responses?.answer(job, shown, make) ?? make();
      const withUsage = body.stream_options?.include_usage ?? false;
      return answerStream(serving.service, job, form, reply, { report, withUsage });
    });
}

/** @throws {ApiError} what is asked for cannot be had */
function checkSupported({ suffix, best_of, n }: CompletionRequest): void {
  const refuse = (param: string, message: string) => {
    return new ApiError("INVALID_INPUT", message, { param, code: "unsupported" });
  };
  if (suffix) throw refuse("suffix", "suffix is not supported: the model only goes on from a text");
  if (best_of != null && best_of !== (n ?? 1)) throw refuse("best_of", "best_of must equal n");
}

import type { FastifyInstance } from "fastify";
import { ApiError } from "../api-error.ts";
import { countCharacters } from "./request-texts.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What comes in are many requests, and each will pass the limits by itself. */
    readonly bundle?: true;
  }
}

/** How long requests and answers may be; undefined: as the context window allows. */
export interface LengthLimits {
  /** All texts of a request together, in UTF-16 units. */
  readonly maxPromptChars?: number | undefined;
  readonly maxPromptTokens?: number | undefined;
  /** Of each answer. */
  readonly maxOutputTokens?: number | undefined;
}

/** Fields in which a request says how long its answer may be. */
const OUTPUT_FIELDS = ["max_completion_tokens", "max_tokens"] as const;

/** Refuses what is too long, or asks for too much, before anything is done with it. */
export function addLengthLimits(app: FastifyInstance, limits: LengthLimits): void {
  const { maxPromptChars, maxOutputTokens } = limits;
  app.addHook("preValidation", async ({ body, routeOptions }) => {
    if (routeOptions.config.bundle) return;
    if (typeof body !== "object" || body === null) return;
    if (maxPromptChars !== undefined) checkCharacters(body, maxPromptChars);
    if (maxOutputTokens !== undefined) checkOutput(body, maxOutputTokens);
  });
}

/** @throws {ApiError} INVALID_INPUT, a prompt that is too long */
export function checkPromptTokens(count: number, { maxPromptTokens }: LengthLimits = {}): void {
  if (maxPromptTokens === undefined || count <= maxPromptTokens) return;
  throw tooLong(`the prompt has ${count} tokens, this server takes ${maxPromptTokens}`);
}

/** How long an answer may become: as long as was wanted (-1: any), and no longer than the limit. */
export function capOutput(
  wanted: number | undefined,
  { maxOutputTokens }: LengthLimits = {},
): number {
  if (maxOutputTokens === undefined) return wanted ?? -1;
  return wanted === undefined || wanted < 0 ? maxOutputTokens : Math.min(wanted, maxOutputTokens);
}

function checkCharacters(body: object, max: number): void {
  const count = countCharacters(body);
  if (count > max) throw tooLong(`the request has ${count} characters, this server takes ${max}`);
}

function checkOutput(body: object, max: number): void {
  for (const param of OUTPUT_FIELDS) {
    const wanted: unknown = (body as Readonly<Record<string, unknown>>)[param];
    if (typeof wanted !== "number" || wanted <= max) continue;
    throw new ApiError("INVALID_INPUT", `${param} is ${wanted}, this server gives ${max}`, {
      code: "too_many_tokens_wanted",
      param,
    });
  }
}

function tooLong(message: string): ApiError {
  return new ApiError("INVALID_INPUT", message, { code: "prompt_too_long" });
}

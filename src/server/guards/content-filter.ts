import type { FastifyInstance } from "fastify";
import { ApiError } from "../api-error.ts";
import type { PatternSet } from "./patterns/pattern-set.ts";
import { requestTexts } from "./request-texts.ts";

export interface InputFilter {
  readonly patterns: PatternSet;
  /** The text of token ids; undefined while the model is loading, when nothing is answered yet. */
  readonly decode: (ids: readonly number[]) => string;
  /** Told which pattern it was; the client is not. */
  readonly onFound?: ((place: string) => void) | undefined;
}

/** Refuses requests with a text that holds one of the patterns. */
export function addInputFilter(app: FastifyInstance, filter: InputFilter): void {
  const { patterns, decode, onFound } = filter;
  app.addHook("preHandler", async ({ body }) => {
    for (const text of requestTexts(body, decode)) {
      const place = patterns.find(text);
      if (place === undefined) continue;
      onFound?.(place);
      throw new ApiError("CONTENT_FILTERED", "the request holds what this server does not take");
    }
  });
}

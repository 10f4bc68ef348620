import { createHash } from "node:crypto";
import type { GenerateOptions } from "../engine/session.ts";
import type { ChoicesRequest } from "./choices.ts";

/** Answers that were given, for requests that have the same one: those without randomness, or with a
 *  seed. The ones that were asked for last are kept. */
export class ResponseCache {
  readonly #size: number;
  readonly #answers = new Map<string, object>();

  /** @param size  answers that are kept; 0: none */
  constructor(size: number) {
    this.#size = size;
  }

  /** The answer to a request, made only if there is none. Only complete answers are kept.
   *    form  what the answer depends on besides: the route, and how it is shown */
  async answer<T extends object>(
    request: ChoicesRequest,
    form: string,
    make: () => Promise<T>,
  ): Promise<T> {
    if (this.#size === 0 || !isDeterministic(request.options)) return make();
    const key = keyOf(request, form);
    const known = this.#answers.get(key) as T | undefined;
    const answer = known ?? (await make());
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.#size) break;
      this.#answers.delete(oldest);
    }
    return answer;
  }
}

function isDeterministic({ seed, sampling, constraint }: GenerateOptions): boolean {
  // What a constraint is cannot be told from another.
  return constraint === undefined && (seed !== undefined || sampling?.temperature === 0);
}

function keyOf({ prompts, choices, options }: ChoicesRequest, form: string): string {
  const { stopTokens, ...rest } = options;
  const all = [form, choices, prompts.map((ids) => Array.from(ids)), [...(stopTokens ?? [])], rest];
  const json = JSON.stringify(all, (_, value) =>
    typeof value === "bigint" ? `${value}n` : (value as unknown),
  );
  return createHash("sha256").update(json).digest("hex");
}

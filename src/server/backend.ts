import type { ChatTemplate } from "../chat/template.ts";
import type { Model } from "../engine/model.ts";
import type { GenerateOptions } from "../engine/session.ts";
import { ApiError } from "./api-error.ts";
import type { ResponseCache } from "./response-cache.ts";
import type { GenerationService } from "./service.ts";

/** A model that is ready to serve, with what requests do not say themselves. */
export interface Serving {
  /** What clients know the model by. */
  readonly id: string;
  /** When it was loaded, in seconds since 1970. */
  readonly created: number;
  readonly model: Model;
  /** Of its context windows, in tokens. */
  readonly contextLength: number;
  /** Undefined: the model has none, and no conversations. */
  readonly template: ChatTemplate | undefined;
  /** Put before conversations that have no system message. */
  readonly system: string | undefined;
  readonly defaults: Omit<GenerateOptions, "signal" | "onPrompt">;
  readonly service: GenerationService;
  /** Undefined: every answer is made anew. */
  readonly responses?: ResponseCache | undefined;
}

export type Phase = "loading" | "ready" | "draining";

const LOADING_RETRY_S = 2;

/** What stands behind the routes: nothing at first, then a model, which is taken away in the end. */
export class Backend {
  #serving: Serving | undefined;
  #draining = false;

  get phase(): Phase {
    if (this.#draining) return "draining";
    return this.#serving ? "ready" : "loading";
  }

  /** Undefined while the model is loading. */
  get serving(): Serving | undefined {
    return this.#serving;
  }

  serve(serving: Serving): void {
    this.#serving = serving;
  }

  /** Lets nobody in any more. */
  drain(): void {
    this.#draining = true;
  }

  /** @throws {ApiError} UNAVAILABLE, unless it is ready */
  require(): Serving {
    if (this.#draining) {
      throw new ApiError("UNAVAILABLE", "the server is stopping", { code: "server_stopping" });
    }
    if (this.#serving) return this.#serving;
    throw new ApiError("UNAVAILABLE", "the model is being loaded", {
      code: "model_loading",
      retryAfterS: LOADING_RETRY_S,
    });
  }
}

import type { FastifyInstance } from "fastify";
import OpenAI from "openai";
import { ChatTemplate } from "../../src/chat/template.ts";
import { openModelSource } from "../../src/checkpoint/open.ts";
import { bundledModelPath } from "../../src/engine/bundled.ts";
import { Model } from "../../src/engine/model.ts";
import { createApp, type ServerParts } from "../../src/server/app.ts";
import { Backend, type Serving } from "../../src/server/backend.ts";
import { listen, urlOf } from "../../src/server/listen.ts";
import { GenerationService, type ServiceOptions } from "../../src/server/service.ts";
import type { RequestEnd } from "../../src/server/watcher.ts";

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly app: FastifyInstance;
  readonly backend: Backend;
  readonly serving: Serving;
  readonly client: OpenAI;
  /** How requests ended, in order. */
  readonly ends: readonly RequestEnd[];
  /** What the server reported as faults of its own. */
  readonly faults: readonly unknown[];
}

export interface TestServerOptions extends Partial<ServiceOptions> {
  readonly serving?: Partial<Serving>;
  readonly parts?: Partial<ServerParts>;
  readonly contextLength?: number;
}

/** The bundled model behind a real server on a port of this machine. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { places = 4, maxQueue = 16, timeoutMs = 60_000, contextLength = 512 } = options;
  const ends: RequestEnd[] = [];
  const faults: unknown[] = [];
  const model = await Model.load(await openModelSource(bundledModelPath()), { threads: 2 });
  const { tokenizer, hparams } = model;
  const watchers = [
    { finished: (end: RequestEnd) => void ends.push(end) },
    ...(options.watchers ?? []),
  ];
  const serving: Serving = {
    id: "demo",
    created: 1,
    model,
    contextLength,
    template: new ChatTemplate({ tokenizer, architecture: hparams.family }),
    system: undefined,
    defaults: { maxTokens: 64, sampling: { temperature: 0 } },
    service: new GenerationService(() => model.createSession({ contextLength }), {
      places,
      maxQueue,
      timeoutMs,
      watchers,
      lengths: options.lengths,
      screen: options.screen,
    }),
    ...options.serving,
  };
  const backend = new Backend();
  const app = await createApp({
    backend,
    version: "0.0.0",
    report: (error) => faults.push(error),
    ...options.parts,
  });
  const url = urlOf(await listen(app, { host: "127.0.0.1", port: 0 }));
  backend.serve(serving);
  return {
    url,
    app,
    backend,
    serving,
    ends,
    faults,
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 }),
    [Symbol.asyncDispose]: async () => {
      serving.service.close();
      await app.close();
      await model.close();
    },
  };
}

/** The `logit_bias` of answers that do not end by themselves. */
export function withoutEnd({ serving }: Pick<TestServer, "serving">): Record<string, number> {
  return Object.fromEntries([...serving.model.tokenizer.stopTokens].map((id) => [id, -100]));
}

/** Waits until `test` holds, by asking again and again. */
export async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Posts JSON; `body` that is text is sent as it is. */
export async function post(url: string, body: unknown) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

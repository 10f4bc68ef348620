import { once } from "node:events";
import { createApp } from "../../server/app.ts";
import { Backend, type Serving } from "../../server/backend.ts";
import { type Address, listen, urlOf } from "../../server/listen.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../context.ts";
import { loadModel } from "../run-model.ts";
import { GUARD_OPTIONS, openGuarding } from "../serve/guarding.ts";
import { MONITOR_OPTIONS, openMonitor } from "../serve/monitoring.ts";
import { openServing, SERVING_OPTIONS } from "../serving.ts";
import { readVersion } from "../version.ts";

export const serve = defineCommand({
  description:
    "Answers requests over HTTP as the OpenAI API has them, many at once, until it is told to stop " +
    "by Ctrl-C or SIGTERM: then it answers those that it has and ends; told twice, it ends at once.",
  options: [...SERVING_OPTIONS, ...GUARD_OPTIONS, "port", ...MONITOR_OPTIONS, "json"],
  changes: {
    prompt: { help: "system message of conversations that have none of their own" },
    file: { help: "read the system message from a file" },
    system: { help: "the same as --prompt, which comes before it" },
    ctxSize: { help: "context window of each request; 0 is the model's own" },
    nPredict: { fallback: 4096, help: "tokens of an answer at most, unless its request says" },
    json: { help: "print one JSON document when it is ready: url, model" },
  },
  examples: [
    { command: "bitnet serve -m model.gguf", says: "http://127.0.0.1:8080" },
    { command: "bitnet serve -m 2b4t --host 0.0.0.0 --port 80", says: "for other machines" },
    { command: "bitnet serve -p 'Answer in one line.' -c 2048", says: "with a system message" },
  ],
  untilStopped: true,
  async run(context, options) {
    const { signal, ui } = context;
    const backend = new Backend();
    const report = (error: unknown) => ui.error(describe(error));
    const guarding = await openGuarding(context, options, backend);
    using monitor = openMonitor(context, options, backend);
    const { guards, listeners, lengths, screen } = guarding;
    const { trustProxy, corsOrigin: origins, maxBody } = options;
    const app = await createApp({
      backend,
      version: readVersion(),
      limits: { bodyBytes: maxBody * MIB },
      report,
      trustProxy,
      origins,
      guards,
      monitor,
      listeners,
    });
    try {
      const address = await listen(app, options);
      ui.debug(`listening at ${urlOf(address)}`);
      const model = await loadModel(context, options);
      try {
        const serving = await openServing(context, model, options, {
          watchers: monitor.watchers,
          lengths,
          screen,
        });
        backend.serve(serving);
        await announce(context, serving, address, options.json);
        if (!signal.aborted) await once(signal, "abort");
        backend.drain();
        const { active, queued } = serving.service.state();
        if (active + queued > 0) {
          ui.info(`stopping after ${active + queued} requests; Ctrl-C again ends them`);
        }
        await app.close();
        serving.service.close();
      } finally {
        await model.close();
      }
    } finally {
      await app.close();
    }
  },
});

const MIB = 1024 * 1024;

async function announce(
  { ui, out }: Context,
  { id }: Serving,
  address: Address,
  json: boolean,
): Promise<void> {
  const url = urlOf(address);
  if (json) await out.json({ url, ...address, model: id });
  ui.info(`ready: ${id} at ${url}`);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.stack ?? error.message;
}

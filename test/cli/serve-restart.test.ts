import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { afterAll, expect, it } from "vitest";
import { startServe } from "../support/serve-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "bitnet-restart-"));
afterAll(() => rmSync(folder, { recursive: true }));

const wish = (i: number) => ({
  model: "demo",
  messages: [{ role: "user" as const, content: `Tell me story number ${i}.` }],
  max_tokens: 120,
  seed: i,
});

type Asker = (client: OpenAI, i: number, onText: () => void) => Promise<string>;

/** The text of an answer that came to its end, whole and streamed in turns; throws if it did not. */
const ask: Asker = async (client, i, onText) => {
  if (i % 3 === 0) {
    const answer = await client.chat.completions.create(wish(i));
    return answer.choices[0]?.message.content ?? "";
  }
  const stream = await client.chat.completions.create({ ...wish(i), stream: true });
  let text = "";
  let finish: string | null | undefined;
  for await (const { choices } of stream) {
    text += choices[0]?.delta.content ?? "";
    finish = choices[0]?.finish_reason;
    if (text !== "") onText();
  }
  // What the client takes for the end of a stream must be the end of the answer.
  expect(finish).toMatch(/^(stop|length)$/);
  return text;
};

const clientOf = (url: string) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 20_000 });

/** A connection that was cut or refused, or a server that is still loading: all else, such as half of an
 *  answer, is a fault. */
function isNoAnswer(error: unknown): boolean {
  if (error instanceof OpenAI.APIConnectionError) return true;
  if (error instanceof OpenAI.APIError) return error.code === "model_loading";
  return error instanceof TypeError && error.message === "terminated";
}

/** Whether another program can have the server's port. */
function isFree(url: string): Promise<boolean> {
  const other = createServer();
  return new Promise((resolve) => {
    other.once("error", () => resolve(false)).once("close", () => resolve(true));
    other.listen(Number(new URL(url).port), "127.0.0.1", () => other.close());
  });
}

it("clients of a server that was killed ask the next, and get the answers that they get alone", async () => {
  const audit = join(folder, "audit.log");
  const args = ["--audit-log", audit, "--parallel", "3"];
  const first = await startServe(args);
  const { url } = first;
  const client = clientOf(url);
  const asked = Array.from({ length: 6 }, (_, i) => i);
  const alone: string[] = [];
  for (const i of asked) alone.push(await ask(client, i, () => undefined));

  const failures: unknown[] = [];
  let begun = 0;
  const insist = async (i: number): Promise<string> => {
    let isFirst = true;
    for (;;) {
      try {
        return await ask(client, i, () => {
          if (isFirst) begun += 1;
          isFirst = false;
        });
      } catch (error) {
        failures.push(error);
        await sleep(50);
      }
    }
  };
  const answers = asked.map(insist);
  while (begun < 2) await sleep(2);
  expect((await first.kill()).status).toBe(-1); // by a signal
  const second = await startServe([...args, "--port", new URL(url).port]);
  expect(second.url).toBe(url);
  expect(await Promise.all(answers)).toEqual(alone);
  expect(failures.length).toBeGreaterThanOrEqual(2);
  expect(failures.filter((error) => !isNoAnswer(error))).toEqual([]);
  await second.stop();
  const lines = readFileSync(audit, "utf8").split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.length).toBeGreaterThanOrEqual(2 * asked.length);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ event: "request" });
});

it("SIGTERM under load: what came is answered, what comes is not let in, and the port is free", async () => {
  const server = await startServe(["--parallel", "2"]);
  const client = clientOf(server.url);
  const answers = [1, 2, 3, 4, 5].map((i) => ask(client, i, () => undefined));
  let waiting = 0;
  while (waiting < 3) {
    const health = await server.ask("/health");
    waiting = ((await health.json()) as { queued: number }).queued;
  }
  const ended = server.stop();
  const texts = await Promise.all(answers);
  for (const text of texts) expect(text.length).toBeGreaterThan(20);
  const { status, stderr } = await ended;
  expect(status).toBe(0);
  expect(stderr).toMatch(/stopping after \d+ requests/);
  expect(await isFree(server.url)).toBe(true);
});

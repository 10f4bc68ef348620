import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { finish, runCli, startCli } from "../support/cli.ts";
import { problemsOf } from "../support/json/check.ts";

/** Starts a server on a free port; resolves when it is ready. */
async function start(args: readonly string[]) {
  const child = startCli(["serve", "--port", "0", "--json", ...args]);
  const ended = finish(child);
  const ready = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout?.on("data", (more: string) => {
      text += more;
      if (text.endsWith("}\n")) resolve(text);
    });
    void ended.then(({ stderr }) => reject(new Error(stderr)));
  });
  const document = JSON.parse(ready);
  expect(problemsOf("serve", document)).toEqual([]);
  const url: string = document.url;
  return { child, ended, url, client: new OpenAI({ baseURL: `${url}/v1`, apiKey: "none" }) };
}

const story = {
  model: "demo",
  messages: [{ role: "user" as const, content: "Tell me a story." }],
  max_tokens: 300,
  seed: 1,
};

describe("bitnet serve", () => {
  it("serves until SIGTERM, then answers what it has and ends without an error", async () => {
    const { child, ended, url, client } = await start(["-p", "You are a friend.", "-a", "mine"]);
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: "ready" });
    expect((await client.models.list()).data[0]?.id).toBe("mine");
    const stream = await client.chat.completions.create({ ...story, stream: true });
    let chunks = 0;
    let finishReason: string | null | undefined;
    for await (const { choices } of stream) {
      if (chunks === 1) child.kill("SIGTERM");
      chunks += 1;
      finishReason = choices[0]?.finish_reason;
    }
    expect(finishReason).toMatch(/^(stop|length)$/);
    const { status, stderr } = await ended;
    expect(status).toBe(0);
    expect(stderr).toContain(`ready: mine at ${url}`);
    expect(stderr).not.toContain("error");
  });

  it("puts the system message before conversations that have none", async () => {
    const prompted = await start(["-p", "You are a friend.", "-q"]);
    try {
      const tokensOf = async (...messages: OpenAI.ChatCompletionMessageParam[]) => {
        const wish = { model: "demo", max_tokens: 1, messages };
        return (await prompted.client.chat.completions.create(wish)).usage?.prompt_tokens ?? 0;
      };
      const hello = { role: "user", content: "Hello" } as const;
      const own = await tokensOf({ role: "system", content: "Hi" }, hello);
      expect(await tokensOf(hello)).toBeGreaterThan(own);
    } finally {
      prompted.child.kill("SIGINT");
    }
    expect(await prompted.ended).toMatchObject({ status: 0, stderr: "" });
  });

  it("ends at once when it is told twice", async () => {
    const { child, ended, client } = await start([]);
    const stream = await client.chat.completions.create({ ...story, n: 4, stream: true });
    for await (const _ of stream) break;
    await kill(child, "SIGINT");
    await kill(child, "SIGINT");
    expect([0, 130]).toContain((await ended).status);
  });

  it("says that a port is in use, before it loads a model", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const { status, stderr } = await runCli(["serve", "--port", `${port}`]);
    other.close();
    expect(status).toBe(2);
    expect(stderr).toContain(`port ${port} of 127.0.0.1 is in use by another program`);
    expect(stderr).not.toContain("loading");
  });

  it("refuses an address that is none of this machine's", async () => {
    const { status, stderr } = await runCli(["serve", "--host", "192.0.2.1", "--port", "0"]);
    expect([status, stderr]).toEqual([2, expect.stringContaining("is no address of this machine")]);
  });
});

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await new Promise((resolve) => setTimeout(resolve, 50));
}

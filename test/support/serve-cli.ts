import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { finish, startCli } from "./cli.ts";

const SHORT = ["-c", "512", "--port", "0"];

/** Starts a server of the bundled model; it is stopped at the end of the test. */
export async function startServe(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) {
  const child = startCli(["serve", ...SHORT, ...args], { env });
  const result = finish(child);
  let stderr = "";
  child.stderr?.on("data", (text: string) => (stderr += text));
  let url: string | undefined;
  while (url === undefined && child.exitCode === null) {
    await sleep(10);
    url = /ready: .* at (http\S+)/.exec(stderr)?.[1];
  }
  if (url === undefined) throw new Error(stderr);
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return result;
  };
  const stop = () => end("SIGTERM");
  onTestFinished(async () => void (await stop()));
  const ask = (path: string, body?: object, key?: string) =>
    fetch(`${url.replace("0.0.0.0", "127.0.0.1")}${path}`, {
      ...(body && { method: "POST", body: JSON.stringify(body) }),
      headers: {
        "content-type": "application/json",
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      },
    });
  return { url, ask, stop, kill: () => end("SIGKILL"), stderr: () => stderr };
}

/** A request whose answer is always the same. */
export const story = (more: object = {}) => ({
  messages: [{ role: "user", content: "Tell me a story." }],
  temperature: 0,
  max_tokens: 40,
  ...more,
});

/** Status and `error_code` of a refusal. */
export async function errorOf(answer: Response): Promise<readonly [number, string]> {
  const { error } = (await answer.json()) as { error: { error_code: string } };
  return [answer.status, error.error_code];
}

/** Text of the events of a stream, and the error that it ended with. */
export async function readStream(answer: Response) {
  const events = (await answer.text())
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice("data: ".length)) as StreamEvent);
  return {
    text: events.map(({ choices }) => choices?.[0]?.delta?.content ?? "").join(""),
    code: events.at(-1)?.error?.error_code,
  };
}

interface StreamEvent {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
  readonly error?: { readonly error_code: string };
}

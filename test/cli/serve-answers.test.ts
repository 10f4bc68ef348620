import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { errorOf, readStream, startServe, story } from "../support/serve-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "bitnet-answers-"));
afterAll(() => rmSync(folder, { recursive: true }));

const KEY = "0123456789abcdef";

it("the output filter ends an answer where a match begins, streamed or not", async () => {
  const open = await startServe([]);
  const whole = await (await open.ask("/v1/chat/completions", story())).json();
  const { content } = (whole as { choices: { message: { content: string } }[] }).choices[0]
    ?.message ?? { content: "" };
  await open.stop();
  const words = content.split(" ");
  const phrase = `${words[4]}\\s${words[5]}`;
  expect(words.length).toBeGreaterThan(8);
  const filter = join(folder, "out.txt");
  writeFileSync(filter, `# not this\n${phrase}\n`);
  const server = await startServe(["--output-filter", filter]);
  expect(await errorOf(await server.ask("/v1/chat/completions", story()))).toEqual([
    400,
    "RESPONSE_FILTERED",
  ]);
  const streamed = await readStream(
    await server.ask("/v1/chat/completions", story({ stream: true })),
  );
  expect(streamed.code).toBe("RESPONSE_FILTERED");
  expect(streamed.text).toBe(`${words.slice(0, 4).join(" ")} `);
  expect(server.stderr()).toContain("an answer was ended for out.txt:2");
  // What holds no match is the same as without a filter.
  const short = await server.ask("/v1/chat/completions", story({ stream: true, max_tokens: 3 }));
  const { text, code } = await readStream(short);
  expect(code).toBeUndefined();
  expect(content.startsWith(text)).toBe(true);
  expect(text).not.toBe("");
});

it("pages of other origins get in only where they are let in, and names of elsewhere do not", async () => {
  const origin = "https://app.example";
  const preflight = {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  };
  const [closed, open] = await Promise.all([
    startServe([]),
    startServe(["--cors-origin", origin, "--api-key", KEY]),
  ]);
  const path = "/v1/chat/completions";
  const refused = await fetch(closed.url + path, preflight);
  expect(refused.headers.get("access-control-allow-origin")).toBeNull();
  const allowed = await fetch(open.url + path, preflight);
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
  const headers = { origin, authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  const body = JSON.stringify(story({ stream: true, max_tokens: 2 }));
  const answer = await fetch(open.url + path, { method: "POST", headers, body });
  expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
  expect((await readStream(answer)).code).toBeUndefined();
  expect(await errorOf(await rebound(closed.url))).toEqual([403, "FORBIDDEN"]);
});

/** What a page gets that gave its own name this machine's address. */
function rebound(url: string): Promise<Response> {
  return new Promise((resolve, reject) => {
    get(`${url}/v1/models`, { headers: { host: "evil.example" } }, async (message) => {
      const body = Buffer.concat(await message.toArray());
      resolve(new Response(body, { status: message.statusCode ?? 0 }));
    }).once("error", reject);
  });
}

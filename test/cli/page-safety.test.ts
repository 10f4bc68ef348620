import { describe, expect, it } from "vitest";
import {
  answered,
  ask,
  BROWSER,
  PATIENT,
  startServer,
  useBrowser,
  useServer,
} from "../support/page.ts";

const HOSTILE = [
  "<script>document.title = 'broken'</script>",
  '<img src="x" onerror="document.title = \'broken\'">',
  "[link](javascript:alert(1)) ![picture](https://example.com/track.png)",
  "| <b>a</b> |\n|---|\n| <svg onload=alert(1)> |",
  '```html" onmouseover="alert(1)\n<iframe src="https://example.com"></iframe>\n```',
].join("\n\n");

/** A file of exported conversations whose only answer, question and title are hostile. */
function hostileExport(): string {
  const message = { created: 1, state: "done", content: HOSTILE };
  const messages = [
    { ...message, id: "a", parent: null, role: "user" },
    { ...message, id: "b", parent: "a", role: "assistant" },
  ];
  const conversations = [{ title: HOSTILE, created: 1, updated: 1, messages, leaf: "b" }];
  return JSON.stringify({ format: "bitnet-conversations", version: 1, conversations });
}

describe.skipIf(BROWSER === undefined)("the chat page in a hostile world", PATIENT, () => {
  const server = useServer();
  const { open } = useBrowser();

  it("shows markup as text", async () => {
    const { page, close } = await open(server);
    const file = {
      name: "x.json",
      mimeType: "application/json",
      buffer: Buffer.from(hostileExport()),
    };
    await page.locator("#import-file").setInputFiles(file);
    await page.locator(".answer").waitFor();
    const prose = page.locator(".answer > .prose");
    expect(await page.title()).not.toBe("broken");
    expect(await prose.locator("script, img, iframe, svg:not(.icon), b").count()).toBe(0);
    expect(await prose.textContent()).toContain("<script>document.title = 'broken'</script>");
    expect(await page.locator(".bubble").textContent()).toBe(HOSTILE);
    const links = await page.evaluate(
      "[...document.querySelectorAll('.prose a')].map((one) => [one.href, one.rel])",
    );
    expect(links).toEqual([["https://example.com/track.png", "noopener noreferrer"]]);
    await close();
  });

  it("has no way to run what is not a file of the server", async () => {
    const { page, close } = await open({ ...server, expectedErrors: /Content Security Policy/ });
    await page.evaluate(`{
      const script = document.createElement("script");
      script.textContent = "document.title = 'broken'";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", "<p onclick=\\"document.title = 'broken'\\" id=bad>x");
      document.querySelector("#bad").click();
    }`);
    expect(await page.title()).not.toBe("broken");
    await close();
  });

  it("waits for a server that restarts, and asks again", async () => {
    const own = await startServer();
    const { port } = new URL(own.url);
    const expectedErrors = /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|503/;
    const { page, close } = await open({ url: own.url, expectedErrors });
    await own.stop();
    await ask(page, "What is 17 + 25?");
    await page.getByText("The question is sent again once it is back").waitFor();
    expect(await page.locator("#banner").textContent()).toContain("cannot be reached");
    const again = await startServer(["--port", port]);
    expect(await answered(page)).toContain("42");
    await page.locator("#banner").waitFor({ state: "hidden" });
    await close();
    await again.stop();
  });

  it("says what is wrong with a request", async () => {
    const { page, close } = await open({ ...server, expectedErrors: /400/ });
    await ask(page, "word ".repeat(800));
    await page.getByText("The conversation is too long for the model").waitFor();
    expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(true);
    await close();
  });
});

describe("the files of the page", () => {
  const server = useServer();

  it("are kept by browsers and sent only when they have changed", async () => {
    const { headers } = await fetch(`${server.url}/web/app.js`);
    expect(headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(headers.get("content-encoding")).toBe("gzip");
    const tag = headers.get("etag") ?? "";
    const again = await fetch(`${server.url}/web/app.js`, { headers: { "if-none-match": tag } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
    const plain = await fetch(server.url, { headers: { "accept-encoding": "identity" } });
    expect(plain.headers.get("content-encoding")).toBeNull();
    const policy = plain.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("upgrade-insecure-requests");
    expect(await plain.text()).not.toMatch(/<script>|style=|\bon\w+=|https?:\/\//);
  });

  it.each(["/web/tsconfig.json", "/web/", "/web/..%2fpackage.json", "/web/%2e%2e/package.json"])(
    "are all there is: %s",
    async (path) => {
      expect((await fetch(server.url + path)).status).toBe(404);
    },
  );
});

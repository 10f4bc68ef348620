import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { findBrowser } from "./browser.ts";
import { finish, startCli } from "./cli.ts";

/** A browser of this machine; undefined, and said so, where there is none. */
export const BROWSER = pathOf(findBrowser());
if (BROWSER === undefined) console.warn("skipped: tests of the page (there is no Chromium here)");

function pathOf(program: string | undefined): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const paths = program === undefined ? [] : folders.map((folder) => join(folder, program));
  return paths.find((path) => existsSync(path));
}

export interface TestServer {
  readonly url: string;
  /** Ends as on SIGTERM. */
  stop(): Promise<void>;
}

/** `bitnet serve` with the bundled model. */
export async function startServer(args: readonly string[] = ["--port", "0"]): Promise<TestServer> {
  const child = startCli(["serve", "--json", ...args]);
  child.stdin?.end();
  const ended = finish(child);
  const url = await urlFrom(child);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { url, stop };
}

function urlFrom(child: ChildProcess): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (part: string) => {
      text += part;
      const [, url] = /"url":\s*"([^"]+)"/.exec(text) ?? [];
      if (url) resolve(url);
    });
    child.once("close", (code) => reject(new Error(`bitnet serve ended with ${code}: ${text}`)));
  });
}

/** Starting a program or a browser takes its time where much else runs. */
const START_MS = 60_000;

/** For `describe`: a browser among other work may be many times as slow as alone. */
export const PATIENT = { timeout: 90_000 };

/** `bitnet serve` for the tests of the present `describe`. */
export function useServer(args?: readonly string[]): { readonly url: string } {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await startServer(args);
  }, START_MS);
  afterAll(() => server?.stop());
  return {
    get url() {
      if (server === undefined) throw new Error("the server has not started");
      return server.url;
    },
  };
}

export interface PageOptions {
  readonly url: string;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly touch?: boolean;
  /** What the page is expected to complain about. */
  readonly expectedErrors?: RegExp;
}

/** A browser for the tests of a file. Its pages fail their test when they ask another host for
 *  something or report an error. */
export function useBrowser() {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: BROWSER ?? "", args: ["--no-sandbox"] });
  }, START_MS);
  afterAll(() => browser?.close());

  async function open(options: PageOptions): Promise<OpenPage> {
    const { url, width = 1100, height = 760, dark = false, touch = false } = options;
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      hasTouch: touch,
      isMobile: touch,
      reducedMotion: "reduce",
    });
    const problems: string[] = [];
    await context.route(
      ({ origin }) => origin !== new URL(url).origin,
      (route) => {
        problems.push(`asked for ${route.request().url()}`);
        return route.abort();
      },
    );
    const page = await context.newPage();
    page.setDefaultTimeout(START_MS);
    const note = (text: string) => {
      if (!options.expectedErrors?.test(text)) problems.push(text);
    };
    page.on("pageerror", (error) => note(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") note(`${message.text()} ${message.location().url}`);
    });
    await page.goto(url);
    await page.locator("#server-model", { hasText: /./ }).waitFor();
    const close = async () => {
      await context.close();
      expect(problems).toEqual([]);
    };
    return { context, page, close };
  }
  return { open };
}

export interface OpenPage {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Also checks that nothing was wrong. */
  close(): Promise<void>;
}

/** Types a question and sends it with Enter. */
export async function ask(page: Page, text: string): Promise<void> {
  await page.fill("#question", text);
  await page.press("#question", "Enter");
}

/** The newest answer, once it is complete. */
export async function answered(page: Page): Promise<string> {
  const last = page.locator(".answer").last();
  await last.and(page.locator('[aria-busy="false"]')).waitFor();
  return (await last.locator("> .prose").textContent()) ?? "";
}

const SLOW_BYTES_PER_S = 4000;

/** Makes the network so slow that answers come in a few words a second, until the result is called. */
export async function slowDown({ context, page }: OpenPage): Promise<() => Promise<unknown>> {
  const session = await context.newCDPSession(page);
  const limit = (downloadThroughput: number) =>
    session.send("Network.emulateNetworkConditions", {
      ...{ offline: false, latency: 0, uploadThroughput: -1 },
      downloadThroughput,
    });
  await limit(SLOW_BYTES_PER_S);
  return () => limit(-1);
}

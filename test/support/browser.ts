import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/** A browser that runs without a screen. */
export function findBrowser(): string | undefined {
  return BROWSERS.find((name) => spawnSync(name, ["--version"]).status === 0);
}

/** What a page has become once the browser has laid it out. */
export async function renderedDom(browser: string, file: string): Promise<string> {
  const profile = mkdtempSync(join(tmpdir(), "bitnet-browser-"));
  try {
    const args = ["--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`];
    const run = promisify(execFile);
    const { stdout } = await run(browser, [...args, "--dump-dom", `file://${file}`]);
    return stdout;
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}

import { describe, expect, it } from "vitest";
import { answered, ask, BROWSER, PATIENT, useBrowser, useServer } from "../support/page.ts";
import { overflow } from "../support/page-checks.ts";

describe.skipIf(BROWSER === undefined)("the page of a server with keys", PATIENT, () => {
  const server = useServer(["--port", "0", "--api-key", "secret-of-the-test"]);
  const { open } = useBrowser();

  it("lets one go on without a key, and says what is missing", async () => {
    const { page, close } = await open({ ...server, expectedErrors: /401/ });
    await ask(page, "What is 17 + 25?");
    await page.getByRole("button", { name: "Not now" }).click();
    await page.locator(".answer .problem", { hasText: "wants an API key" }).waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("textbox", { name: "API key" }).fill("secret-of-the-test");
    await page.keyboard.press("Enter");
    expect(await answered(page)).toContain("42");
    expect(await page.locator(".variants").count()).toBe(0);
    await close();
  });

  it("asks for the key, keeps it for the tab, and shows what the server does", async () => {
    const { page, close } = await open({ ...server, expectedErrors: /401/ });
    const dialog = page.getByRole("dialog");
    await ask(page, "What is 17 + 25?");
    await dialog.getByLabel("API key").fill("wrong");
    await page.keyboard.press("Enter");
    await dialog.getByText("did not take the key").waitFor();
    await dialog.getByLabel("API key").fill("secret-of-the-test");
    await page.keyboard.press("Enter");
    expect(await answered(page)).toContain("42");
    await page.reload();
    await ask(page, "What is 20 + 11?");
    await page.locator(".answer").nth(1).waitFor();
    expect(await answered(page)).toContain("31");
    // The first snapshot is taken five seconds after the start.
    await page.locator("#server-load", { hasText: /MB of memory/ }).waitFor();

    await page.getByRole("link", { name: "Monitor" }).click();
    const tile = page.locator(".tiles > div", { hasText: "memory" });
    await tile.locator("dd", { hasText: /^[\d.]+ MB$/ }).waitFor();
    const memory = page.getByRole("img", { name: /^Memory\. of the process: now/ });
    await memory.locator("path.line, circle.dot").first().waitFor();
    await memory.focus();
    await page.keyboard.press("ArrowLeft");
    const readout = page.locator("figure", { has: memory }).locator("output");
    expect(await readout.textContent()).toMatch(/^\d\d:\d\d:\d\d {2}[\d.]+ MB$/);
    await page.getByLabel("1 day").check();
    await page.waitForResponse(/window=24h/);
    await page.setViewportSize({ width: 320, height: 600 });
    await expect.poll(() => overflow(page)).toEqual([]);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    expect((await download).suggestedFilename()).toBe("bitnet-stats.json");
    await close();
  });
});

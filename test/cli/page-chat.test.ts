import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  answered,
  ask,
  BROWSER,
  PATIENT,
  slowDown,
  useBrowser,
  useServer,
} from "../support/page.ts";

describe.skipIf(BROWSER === undefined)("the chat page", PATIENT, () => {
  const server = useServer();
  const { open } = useBrowser();

  it("answers, remembers, and keeps the conversation over a reload", async () => {
    const { page, close } = await open(server);
    await ask(page, "What is 17 + 25?");
    expect(await answered(page)).toContain("42");
    const figures = await page.locator(".figures").textContent();
    expect(figures).toMatch(/first after [\d.]+ m?s .* \d+ tokens/);
    await ask(page, "What is 20 + 11?");
    expect(await answered(page)).toContain("31");
    await page.reload();
    await page.locator(".answer").nth(1).waitFor();
    expect(await page.locator(".bubble").allTextContents()).toEqual([
      ...["What is 17 + 25?", "What is 20 + 11?"],
    ]);
    expect(await page.locator(".sidebar .open").allTextContents()).toEqual(["What is 17 + 25?"]);
    await close();
  });

  it("streams, stops, answers again, and lets one choose between answers", async () => {
    const opened = await open(server);
    const { page, close } = opened;
    const speedUp = await slowDown(opened);
    await ask(page, "Tell me a short story about a fox.");
    const growing = page.locator('.answer[aria-busy="true"] > .prose', { hasText: /.{20}/ });
    await growing.waitFor();
    await page.keyboard.press("Escape");
    expect(await answered(page)).not.toBe("");
    expect(await page.locator(".figures").textContent()).toMatch(/stopped$/);
    expect(await page.locator("#send").isVisible()).toBe(true);
    await speedUp();
    await page.getByRole("button", { name: "Answer again" }).click();
    expect((await answered(page)).length).toBeGreaterThan(200);
    expect(await page.locator(".variants .place").textContent()).toBe("2 / 2");
    await page.getByRole("button", { name: "Earlier variant" }).click();
    expect(await page.locator(".figures").textContent()).toMatch(/stopped$/);
    await close();
  });

  it("branches from an edited question", async () => {
    const { page, close } = await open(server);
    await ask(page, "What is 17 + 25?");
    await answered(page);
    await ask(page, "What is 20 + 11?");
    await answered(page);
    await page.getByRole("button", { name: "Edit and ask again" }).first().click();
    await page.getByLabel("Your message").first().fill("What is 30 + 22?");
    await page.keyboard.press("Enter");
    expect(await answered(page)).toContain("52");
    expect(await page.locator(".bubble").allTextContents()).toEqual(["What is 30 + 22?"]);
    await page.getByRole("button", { name: "Earlier variant" }).click();
    expect(await page.locator(".bubble").allTextContents()).toEqual([
      ...["What is 17 + 25?", "What is 20 + 11?"],
    ]);
    await close();
  });

  it("asks with the settings of the chat", async () => {
    const { page, close } = await open(server);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("Maximum tokens").fill("3");
    await page.getByLabel("System prompt").fill("Be brief.");
    await page.getByRole("button", { name: "Close" }).click();
    const request = page.waitForRequest(/chat\/completions/);
    await ask(page, "Tell me a story.");
    expect((await request).postDataJSON()).toMatchObject({
      max_tokens: 3,
      messages: [{ role: "system", content: "Be brief." }, { role: "user" }],
    });
    await answered(page);
    expect(await page.locator(".figures").textContent()).toMatch(/3 tokens .* cut off/);
    await close();
  });

  it("renames, exports, deletes, takes back and imports conversations", async () => {
    const { page, close } = await open(server);
    await ask(page, "What is 17 + 25?");
    await answered(page);
    await page.getByRole("button", { name: /^Rename/ }).click();
    await page.keyboard.type("Sums");
    await page.keyboard.press("Enter");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    const file = await (await download).path();
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
      conversations: [{ title: "Sums", messages: [{ role: "user" }, { role: "assistant" }] }],
    });
    await page.getByRole("button", { name: /^Delete/ }).click();
    const names = () => page.locator(".sidebar .open").allTextContents();
    expect(await names()).toEqual([]);
    await page.getByRole("button", { name: "Undo" }).click();
    expect(await names()).toEqual(["Sums"]);
    await page.locator("#import-file").setInputFiles(file);
    await page.getByText("Imported 1 conversation.").waitFor();
    expect(await names()).toEqual(["Sums", "Sums"]);
    await close();
  });

  it("goes on when the browser's storage is full, and says so", async () => {
    const { context, page, close } = await open(server);
    const session = await context.newCDPSession(page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 1 });
    await ask(page, "What is 17 + 25?");
    expect(await answered(page)).toContain("42");
    await page.getByText("The browser's storage for this page is full").waitFor();
    await close();
  });
});

import { describe, expect, it } from "vitest";
import { answered, ask, BROWSER, PATIENT, useBrowser, useServer } from "../support/page.ts";
import { overflow } from "../support/page-checks.ts";

describe.skipIf(BROWSER === undefined)("the chat page on a phone", PATIENT, () => {
  const server = useServer();
  const { open } = useBrowser();

  it.each([
    { width: 320, height: 568, dark: true },
    { width: 390, height: 844, dark: false },
  ])("fits a phone of $width pixels", async ({ width, height, dark }) => {
    const { page, close } = await open({ ...server, width, height, dark, touch: true });
    await ask(page, "Tell me a short story about a fox.");
    await answered(page);
    await expect.poll(() => overflow(page)).toEqual([]);
    await page.getByRole("button", { name: "Conversations" }).tap();
    await page.getByRole("button", { name: "New chat" }).tap();
    await page.getByRole("button", { name: "New chat" }).waitFor({ state: "hidden" });
    await page.getByRole("heading", { name: "What would you like to know?" }).waitFor();
    await expect.poll(() => overflow(page)).toEqual([]);
    await page.getByRole("button", { name: "Settings" }).tap();
    await expect.poll(() => overflow(page)).toEqual([]);
    await page.getByRole("button", { name: "Close" }).tap();
    await page.getByRole("link", { name: "Monitor" }).tap();
    await page.getByRole("heading", { name: "Monitor" }).waitFor();
    await expect.poll(() => overflow(page)).toEqual([]);
    await close();
  });
});

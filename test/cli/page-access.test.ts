import { describe, expect, it } from "vitest";
import { answered, ask, BROWSER, PATIENT, useBrowser, useServer } from "../support/page.ts";
import { contrasts } from "../support/page-checks.ts";

describe.skipIf(BROWSER === undefined)("the chat page for everyone", PATIENT, () => {
  const server = useServer();
  const { open } = useBrowser();

  it("works by keyboard alone", async () => {
    const { page, close } = await open(server);
    const focused = () => page.evaluate("document.activeElement.textContent.trim().slice(0, 99)");
    const press = (key: string) => page.keyboard.press(key);
    // From the top, the first stop leads to the question.
    await page.evaluate("document.body.tabIndex = -1; document.body.focus()");
    await press("Tab");
    expect(await focused()).toBe("Skip to the question");
    await press("Enter");
    await page.keyboard.type("What is 17 + 25?");
    await press("Shift+Enter");
    await press("Backspace");
    await press("Enter");
    expect(await answered(page)).toContain("42");
    await page.getByRole("button", { name: "Answer again" }).waitFor();
    // Backwards from the question: the answer's buttons, the question's own.
    await press("Shift+Tab");
    expect(await focused()).toBe("Answer again");
    const outline = "getComputedStyle(document.activeElement).outlineStyle";
    expect(await page.evaluate(outline)).toBe("solid");
    await press("Shift+Tab");
    await press("Shift+Tab");
    expect(await focused()).toBe("Edit and ask again");
    await press("Enter");
    await page.keyboard.type("0"); // 17 + 25?0
    await press("Escape");
    expect(await page.locator(".bubble").textContent()).toBe("What is 17 + 25?");
    await page.getByRole("button", { name: "Settings" }).focus();
    await press("Enter");
    expect(await page.getByRole("dialog").isVisible()).toBe(true);
    await press("Escape");
    expect(await focused()).toBe("Settings");
    await close();
  });

  it.each([true, false])("can be read in its colours, dark: %s", async (dark) => {
    const { page, close } = await open({ ...server, dark });
    await ask(page, "What is 17 + 25?");
    await answered(page);
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await ground()).toBe(dark ? "rgb(18, 21, 22)" : "rgb(252, 252, 250)");
    expect(await contrasts(page)).toEqual([]);
    await page.getByRole("button", { name: "Settings" }).click();
    expect(await contrasts(page)).toEqual([]);
    await page.getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: "Monitor" }).click();
    expect(await contrasts(page)).toEqual([]);
    await close();
  });

  it("remembers the colours that were chosen", async () => {
    const { page, close } = await open(server);
    const theme = () => page.evaluate("document.documentElement.dataset.theme ?? ''");
    const button = page.getByRole("button", { name: /^Colours/ });
    await button.click();
    await button.click();
    expect(await theme()).toBe("dark");
    await page.reload();
    expect(await theme()).toBe("dark");
    await button.click();
    expect(await theme()).toBe("");
    await close();
  });

  it("tells those who hear it what happens", async () => {
    const { page, close } = await open(server);
    await ask(page, "What is 17 + 25?");
    await answered(page);
    expect(await page.locator("#spoken").textContent()).toBe("Answer complete");
    const unnamed =
      await page.evaluate(`[...document.querySelectorAll("button, input, textarea, a")]
      .filter((one) => one.type !== "file" && !one.ariaLabel && !one.labels?.length && one.textContent.trim() === "")
      .map((one) => one.outerHTML)`);
    expect(unnamed).toEqual([]);
    await close();
  });
});

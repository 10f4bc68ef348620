import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { optionKeys } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands/index.ts";
import { flagNames, OPTIONS } from "../../src/cli/options.ts";
import { runCli, runShell } from "../support/cli.ts";
import { tempDir } from "../support/temp-dir.ts";

const has = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

/** What bash offers for the last of the words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const list = words.map((word) => `'${word}'`).join(" ");
  const { status, stdout, stderr } = await runShell(
    `eval "$(bitnet completion bash)"; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _bitnet bitnet ${list.split(" ").at(-1)} ${list.split(" ").at(-2)}; printf '%s\\n' "\${COMPREPLY[@]}"`,
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter((line) => line !== "");
}

describe("bash", () => {
  it("completes commands, their flags and values", async () => {
    expect(await offered("bitnet", "")).toEqual(
      expect.arrayContaining([...COMMANDS.map(({ name }) => name), "--help"]),
    );
    expect(await offered("bitnet", "comp")).toEqual(["completion"]);
    expect(await offered("bitnet", "run", "--kv-type", "")).toEqual(["f32", "f16", "bf16", "int8"]);
    expect(await offered("bitnet", "run", "--kv-type", "f3")).toEqual(["f32"]);
    expect(await offered("bitnet", "-q", "run", "--repeat-l")).toEqual(["--repeat-last-n"]);
    expect(await offered("bitnet", "run", "-cn")).toEqual(["-cnv"]);
  });

  it("leaves files to the shell", async () => {
    expect(await offered("bitnet", "run", "-m", "--x")).toEqual([]);
    expect(await offered("bitnet", "info", "mod")).toEqual([]);
    expect(await offered("bitnet", "completion", "z")).toEqual(["zsh"]);
    expect(await offered("bitnet", "help", "comp")).toEqual(["completion"]);
  });

  it("offers every flag of every command", async () => {
    const { stdout } = await runCli(["completion", "bash"]);
    for (const { name, load } of COMMANDS) {
      const keys = optionKeys(await load());
      const words = new RegExp(`^ {4}${name}\\) words='(.*)' ;;$`, "m")
        .exec(stdout)?.[1]
        ?.split(" ");
      for (const key of keys) expect(words).toContain(flagNames(OPTIONS[key].flags).at(-1));
    }
  });
});

/** The completion of a shell in a file of its own, and the folder of that. */
async function completionFile(shell: string): Promise<{ file: string; folder: string }> {
  const folder = tempDir();
  const file = join(folder, "_bitnet");
  writeFileSync(file, (await runCli(["completion", shell])).stdout);
  return { file, folder };
}

function linesOf(shell: string, args: readonly string[]): readonly string[] {
  const { status, stdout, stderr } = spawnSync(shell, args, {
    encoding: "utf8",
    env: { ...process.env, TERM: "xterm" },
    timeout: 60_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.split("\n").filter((line) => line !== "");
}

/** The tests of a shell that is not there say so in their name. */
const naming = (shell: string) => (has(shell) ? shell : `${shell}: not installed, skipped`);
const SLOW = { timeout: 90_000 };

it.each(["zsh", "fish"])("the script for %s names every command", async (shell) => {
  const { status, stdout } = await runCli(["completion", shell]);
  expect(status).toBe(0);
  for (const { name } of COMMANDS) expect(stdout).toContain(name);
});

describe.skipIf(!has("fish"))(naming("fish"), SLOW, () => {
  it("completes commands, their flags, arguments and values", async () => {
    const { file } = await completionFile("fish");
    const offers = (line: string) => {
      const lines = linesOf("fish", ["-c", `source ${file}; complete -C '${line}'`]);
      return lines.map((one) => one.split("\t")[0]);
    };
    expect(offers("bitnet comp")).toEqual(["completion"]);
    expect(offers("bitnet completion ")).toEqual(["bash", "fish", "zsh"]);
    expect(offers("bitnet run --kv-type i")).toEqual(["int8"]);
    expect(offers("bitnet -q models s")).toEqual(["show"]);
    expect(offers("bitnet help do")).toEqual(["doctor"]);
    expect(offers("bitnet --vers")).toEqual(["--version"]);
  });
});

describe.skipIf(!has("zsh"))(naming("zsh"), SLOW, () => {
  const script = fileURLToPath(new URL("../support/complete.zsh", import.meta.url));
  const typed = (setup: string, ...lines: readonly string[]) =>
    linesOf("zsh", [script, setup, ...lines]).map((line) => line.trimEnd());

  it("completes commands, their flags, arguments and values", async () => {
    const { file } = await completionFile("zsh");
    const lines = {
      "bitnet comple": "bitnet completion",
      "bitnet completion z": "bitnet completion zsh",
      "bitnet run --kv-type in": "bitnet run --kv-type int8",
      "bitnet -q mod": "bitnet -q models",
      "bitnet models sh": "bitnet models show",
      "bitnet run --repeat-l": "bitnet run --repeat-last-n",
    };
    const found = typed(`compinit -u -D; source ${file}`, ...Object.keys(lines));
    expect(found).toEqual(Object.values(lines));
  });

  it("completes at the first try where it lies in a folder of $fpath", async () => {
    const { folder } = await completionFile("zsh");
    const setup = `fpath=(${folder} $fpath); compinit -u -D`;
    expect(typed(setup, "bitnet comple")).toEqual(["bitnet completion"]);
  });
});

it("another shell is refused", async () => {
  expect(await runCli(["completion", "tcsh"])).toEqual({
    status: 2,
    stdout: "",
    stderr: "error: unknown shell: tcsh\nhint: shells: bash, zsh, fish\n",
  });
});

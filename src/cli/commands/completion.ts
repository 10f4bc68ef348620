import { UsageError } from "../../errors.ts";
import { defineCommand } from "../command.ts";
import { completionScript, SHELLS } from "../completion/scripts.ts";
import { commandWords } from "../completion/words.ts";

export const completion = defineCommand({
  description:
    "Prints the script that teaches a shell to complete commands, options and their values.",
  argument: { syntax: "<shell>", help: "bash, zsh or fish", choices: SHELLS },
  options: [],
  examples: [
    { command: 'eval "$(bitnet completion bash)"', says: "in ~/.bashrc" },
    { command: "bitnet completion zsh > ~/.zfunc/_bitnet", says: "a folder of $fpath" },
    { command: "bitnet completion fish | source", says: "in config.fish" },
  ],
  async run({ out }, _, argument) {
    const shell = SHELLS.find((name) => name === argument);
    if (shell === undefined) {
      throw new UsageError(`unknown shell: ${argument}`, { hint: `shells: ${SHELLS.join(", ")}` });
    }
    // Now, since the list names this command, too.
    const { COMMANDS } = await import("./index.ts");
    await out.line(completionScript(shell, await commandWords(COMMANDS)));
  },
});

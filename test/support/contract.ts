import { bundledModelPath } from "../../src/engine/bundled.ts";

/** What every command promises, as command lines without the command's name; `DIR` is a folder that is
 *  the test's own. The tests walk through the list of commands: one that is not here fails them. */
export interface Contract {
  /** Works and prints a result, quickly. */
  readonly works: readonly string[];
  /** The same with --json; absent where there is no such option. */
  readonly json?: readonly string[];
  /** Standard input of both. */
  readonly input?: string;
  /** Ends where the path of a model belongs; absent where none does. */
  readonly model?: readonly string[];
  /** Ends where the path of a file to write belongs; absent where none does. */
  readonly output?: readonly string[];
  /** Absent where nothing takes long. */
  readonly busy?: Busy;
}

/** Work that goes on until it is told to stop. */
export interface Busy {
  readonly args: readonly string[];
  /** What shows that it has begun: a request to the hub, that a long input is read, or words on
   *  standard error. */
  readonly begins: "hub" | "reads" | RegExp;
  /** Exit status after a signal, where being told to stop is no failure. */
  readonly status?: number;
}

const MODEL = bundledModelPath();
const BRIEF = ["-r", "1", "-p", "8", "-n", "2", "-t", "1", "--no-limits"];
const FEW_TOKENS = "Once upon a time there was a cat. The cat was small.";

export const CONTRACTS: Readonly<Record<string, Contract>> = {
  setup: {
    works: [],
    json: ["--json"],
    model: [],
    busy: { args: ["org/name"], begins: "hub" },
  },
  models: { works: ["path", MODEL], json: ["--json"], model: ["show"] },
  run: {
    works: ["-p", "a", "-n", "2"],
    json: ["-p", "a", "-n", "2", "--json"],
    model: ["-p", "a", "-m"],
    output: ["--batch", "/dev/null", "-o"],
    busy: { args: ["-p", "-"], begins: "reads" },
  },
  chat: {
    works: ["-n", "2"],
    json: ["-n", "2", "--json"],
    input: "a\n",
    model: ["-m"],
    busy: { args: [], begins: "reads" },
  },
  embed: {
    works: ["a"],
    json: ["a", "--json"],
    model: ["a", "-m"],
    busy: { args: [], begins: "reads" },
  },
  perplexity: {
    works: ["-c", "4"],
    json: ["-c", "4", "--json"],
    input: FEW_TOKENS,
    model: ["-p", FEW_TOKENS, "-m"],
    busy: { args: [], begins: "reads" },
  },
  // How it is stopped: test/cli/convert.test.ts, with a model that takes long enough.
  convert: {
    works: [MODEL, "-o", "DIR/works.gguf", "--force"],
    json: [MODEL, "-o", "DIR/json.gguf", "--force", "--json"],
    model: ["-o", "DIR/none.gguf"],
    output: [MODEL, "-o"],
  },
  bench: {
    works: BRIEF,
    json: [...BRIEF, "--json"],
    model: [...BRIEF, "-m"],
    output: [...BRIEF, "--save"],
    busy: { args: [...BRIEF, "-r", "1000", "-v"], begins: /1 of / },
  },
  tune: {
    works: ["--forget"],
    json: ["--forget", "--json"],
    model: ["-m"],
    busy: { args: ["-r", "100"], begins: /no model named/ },
  },
  info: {
    works: [],
    json: ["--json"],
    model: [],
    busy: { args: ["--probe", "--text", "-"], begins: "reads" },
  },
  doctor: { works: [MODEL], json: [MODEL, "--json"], busy: { args: [MODEL], begins: "hub" } },
  serve: {
    works: ["--help"],
    model: ["-m"],
    busy: { args: ["--port", "0"], begins: /ready/, status: 0 },
  },
  completion: { works: ["bash"] },
};

/** The contract of a command. */
export function contractOf(name: string): Contract {
  const found = CONTRACTS[name];
  if (found === undefined) throw new Error(`test/support/contract.ts has no row for ${name}`);
  return found;
}

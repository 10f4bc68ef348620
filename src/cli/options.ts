import { parseTileEntry, type TileEntry } from "../checkpoint/tl-tiles.ts";
import { NAMES, numberList, someOf } from "../config/lists.ts";
import { PROFILE_NAMES } from "../config/profiles.ts";
import {
  DURATION,
  decimal,
  INTEGER,
  integer,
  NAME,
  oneOf,
  POSITIVE,
  TEXT,
  TOKEN_BIAS_TYPE,
  type ValueType,
} from "../config/values.ts";
import { EMBD_TYPES, OUT_TYPES, type OutType } from "../convert/out-types.ts";
import { USES } from "./doctor/uses.ts";
import { I2S_LAYOUT_NAMES } from "./i2s-layout.ts";
import { LORA } from "./lora.ts";
import { ADDRESSES, ALERT_RULE, ORIGIN, RATE, WEB_ADDRESS } from "./serve/values.ts";

/** One option of the command line: flag, type, default and help together. */
export interface OptionSpec {
  /** Commander's syntax, `-n, --n-predict <count>`, and also `-temp, --temperature <number>`
   *  (see argv.ts). The key in OPTIONS is the long flag in camelCase, except with `only` and `listOf`,
   *  where the flag means something else to other commands. */
  readonly flags: string;
  /** Further spellings, which the help does not show. */
  readonly aliases?: readonly string[];
  readonly group: OptionGroup;
  readonly help: string;
  /** Absent for a flag, which is true or false. */
  readonly type?: ValueType<unknown>;
  /** Built-in default. */
  readonly fallback?: unknown;
  /** What the help shows as the default, where it is not a constant. */
  readonly fallbackText?: string;
  /** What a flag that stands without its optional value (`[name]`) means. */
  readonly bare?: string;
  /** May be given several times. */
  readonly repeatable?: true;
  /** May also stand in a configuration file and in BITNET_<LONG_FLAG>. */
  readonly setting?: true;
  /** The one command to which the flag means this. */
  readonly only?: string;
  /** A list of values of this setting: without the flag, the one value that the setting has. */
  readonly listOf?: string;
  /** A path: in a configuration file `./x` is meant from the file's folder. */
  readonly path?: true;
  /** Not to be shown to anyone. */
  readonly secret?: true;
}

export type OptionGroup =
  | "Model"
  | "Prompt"
  | "Batch"
  | "Chat"
  | "Server"
  | "Protection"
  | "Monitoring"
  | "Sampling"
  | "Engine"
  | "Output"
  | "Conversion"
  | "Embedding"
  | "Scoring"
  | "Setup"
  | "Checks"
  | "Measurement";

const MAX_THREADS = 1024;
const MAX_BATCH = 65_536;
const MAX_PARALLEL = 256;
const MAX_PORT = 65_535;
const MAX_QUEUE = 65_536;
const MAX_TIMEOUT_S = 1_000_000;
const MAX_BODY_MIB = 1024;
const MAX_LOGPROBS = 20; // as in the OpenAI API
const OUT_TYPE_NAMES = Object.keys(OUT_TYPES) as readonly OutType[];
const TILES: ValueType<TileEntry> = {
  expected: "five numbers M,K,BM,BK,bm",
  parse: parseTileEntry,
};

const KV_TYPES = ["f32", "f16", "bf16", "int8"] as const;
const WEIGHT_FORMS = ["fast", "compact"] as const;

// Two lines per option. Defaults of sampling are llama.cpp's, as users expect them.
// biome-ignore format: a table
export const OPTIONS = {
  model: { flags: "-m, --model <path>", group: "Model", type: NAME, setting: true, path: true, fallbackText: "the bundled one",
    help: "GGUF file, directory with a GGUF or a Hugging Face checkpoint, or a name that `bitnet setup` made ready" },
  lora: { flags: "--lora <adapter>", aliases: ["--lora-scaled"], group: "Model", type: LORA, repeatable: true, fallback: [],
    help: "LoRA adapter to apply: a PEFT directory or a GGUF file; ADAPTER:0.5 scales it (repeatable)" },
  ctxSize: { flags: "-c, --ctx-size <tokens>", group: "Model", type: integer(0), setting: true, fallback: 0,
    help: "context window; 0 is the model's own" },
  chatTemplate: { flags: "--chat-template <name>", group: "Model", type: NAME, setting: true, path: true,
    help: "built-in template or Jinja file, in place of the model's own" },
  i2sLayout: { flags: "--i2s-layout <name>", group: "Model", type: oneOf(...I2S_LAYOUT_NAMES), fallbackText: "as the file says, or group128",
    help: "order of the weights in an I2_S file: group128, group64, row4, seq_hi or seq_lo" },

  prompt: { flags: "-p, --prompt <text>", group: "Prompt", type: TEXT,
    help: "prompt or text; - reads all of standard input" },
  file: { flags: "-f, --file <path>", group: "Prompt", type: NAME,
    help: "read prompt or text from a file; - is standard input" },
  escape: { flags: "-e, --escape", group: "Prompt",
    help: "process \\n, \\t, \\\\ and the like in texts of the command line" },
  conversation: { flags: "-cnv, --conversation", group: "Prompt",
    help: "put the prompt into the model's chat template, as one user message" },
  system: { flags: "-sys, --system <text>", aliases: ["--system-prompt"], group: "Prompt", type: TEXT, setting: true,
    help: "system message, with --conversation" },

  batch: { flags: "--batch <file>", group: "Batch", type: NAME,
    help: "answer every line of a file of JSON lines with prompt or messages, and id; - is standard input" },
  answers: { flags: "-o, --output <file>", only: "run", group: "Batch", type: NAME, fallbackText: "standard output",
    help: "append the answers to this file; what it holds already is not done again" },
  parallel: { flags: "--parallel <count>", group: "Batch", type: integer(1, MAX_PARALLEL), setting: true, fallback: 8,
    help: "requests that generate at once" },
  order: { flags: "--order <kind>", group: "Batch", type: oneOf("input", "finish"), fallback: "input",
    help: "answers in the order of the requests (input), or each as soon as it is there (finish)" },

  resume: { flags: "--resume [name]", group: "Chat", type: TEXT, bare: "",
    help: "go on with a saved chat; without a name, with the last one" },
  saveChat: { flags: "--no-save", only: "chat", group: "Chat", fallback: true,
    help: "do not keep this chat for --resume, nor what is typed" },

  host: { flags: "--host <address>", group: "Server", type: NAME, setting: true, fallback: "127.0.0.1",
    help: "address to listen on; 0.0.0.0 is every one of this machine" },
  port: { flags: "--port <number>", group: "Server", type: integer(0, MAX_PORT), setting: true, fallback: 8080,
    help: "port to listen on; 0 takes a free one" },
  alias: { flags: "-a, --alias <name>", group: "Server", type: NAME, setting: true, fallbackText: "the name of its file",
    help: "what clients know the model by" },
  maxQueue: { flags: "--max-queue <count>", group: "Server", type: integer(0, MAX_QUEUE), setting: true, fallback: 64,
    help: "requests that may wait besides; others are told to come again (429)" },
  responseCache: { flags: "--response-cache <count>", group: "Server", type: integer(0, MAX_QUEUE), setting: true, fallback: 0,
    help: "answers to keep for the same request again, where it has a seed or temperature 0; 0 is none" },
  requestTimeout: { flags: "--request-timeout <seconds>", group: "Server", type: decimal(0, MAX_TIMEOUT_S), setting: true, fallback: 600,
    help: "longest time for an answer, waiting included; 0 is any" },

  apiKey: { flags: "--api-key <key>", group: "Protection", type: NAME, repeatable: true, fallback: [], setting: true, secret: true,
    help: "answer only who has this key (repeatable; others see it in the list of processes: the next is safer)" },
  apiKeyFile: { flags: "--api-key-file <file>", group: "Protection", type: NAME, setting: true, path: true,
    help: "the same for the keys of a file, name:key on each line" },
  rateLimit: { flags: "--rate-limit <rate>", group: "Protection", type: RATE, setting: true, fallbackText: "any",
    help: "requests of each key, or of each address where there are no keys: 60/min, 10/s, 1000/h" },
  addressRateLimit: { flags: "--address-rate-limit <rate>", group: "Protection", type: RATE, setting: true, fallbackText: "any",
    help: "requests of each address, whatever keys come from it, and attempts without a key" },
  trustProxy: { flags: "--trust-proxy <addresses>", group: "Protection", type: ADDRESSES, setting: true, fallbackText: "none",
    help: "proxies in front of the server: whom they name in X-Forwarded-For is the client" },
  allowHost: { flags: "--allow-host <name>", group: "Protection", type: NAME, repeatable: true, fallback: [], setting: true,
    help: "name that a server of this machine alone goes by, besides localhost (repeatable)" },
  corsOrigin: { flags: "--cors-origin <origin>", group: "Protection", type: ORIGIN, repeatable: true, fallback: [], setting: true, fallbackText: "none",
    help: "let pages of this origin use the server from a browser; * is every page (repeatable)" },
  maxBody: { flags: "--max-body <MiB>", group: "Protection", type: integer(1, MAX_BODY_MIB), setting: true, fallback: 4,
    help: "size of a request at most" },
  maxPromptChars: { flags: "--max-prompt-chars <count>", group: "Protection", type: integer(1), setting: true, fallbackText: "any",
    help: "characters of a request at most, all its texts together" },
  maxPromptTokens: { flags: "--max-prompt-tokens <count>", group: "Protection", type: integer(1), setting: true, fallbackText: "any",
    help: "tokens of a prompt at most" },
  maxOutputTokens: { flags: "--max-output-tokens <count>", group: "Protection", type: integer(1), setting: true, fallbackText: "any",
    help: "tokens of an answer at most, whatever its request says" },
  inputFilter: { flags: "--input-filter <file>", group: "Protection", type: NAME, setting: true, path: true,
    help: "refuse requests that hold one of the patterns of a file, a regular expression on each line" },
  outputFilter: { flags: "--output-filter <file>", group: "Protection", type: NAME, setting: true, path: true,
    help: "end answers before they show one of the patterns of a file" },
  auditLog: { flags: "--audit-log <file>", group: "Protection", type: NAME, setting: true, path: true,
    help: "append a JSON line for each request, clients as hashes; - is standard error" },
  auditPrompts: { flags: "--audit-prompts", group: "Protection", setting: true, fallback: false,
    help: "write down what was asked, too" },
  auditSalt: { flags: "--audit-salt <text>", group: "Protection", type: NAME, setting: true, secret: true, fallbackText: "new with each start",
    help: "the same salt gives the same client the same hash" },

  alert: { flags: "--alert <rule>", group: "Monitoring", type: ALERT_RULE, repeatable: true, fallback: [], setting: true,
    help: "warn when a limit is passed: memory>MiB, cpu>%, speed<tokens/s, errors>%, latency>ms, queue>count; cpu>90:critical (repeatable)" },
  alertWebhook: { flags: "--alert-webhook <url>", group: "Monitoring", type: WEB_ADDRESS, setting: true, secret: true,
    help: "also post alerts, and that they are over, to this address as JSON" },

  nPredict: { flags: "-n, --n-predict <count>", aliases: ["--predict"], group: "Sampling", type: integer(-1), setting: true, fallback: 128,
    help: "tokens to generate at most; -1 is unlimited" },
  stop: { flags: "--stop <text>", group: "Sampling", type: NAME, repeatable: true, fallback: [], setting: true,
    help: "end the text before this one (repeatable)" },
  jsonSchema: { flags: "--json-schema <schema>", group: "Sampling", type: NAME,
    help: "answer with JSON that is valid for this JSON Schema: a file, or the schema itself" },
  jsonObject: { flags: "--json-object", group: "Sampling",
    help: "answer with a JSON object, whatever is in it" },
  grammar: { flags: "--grammar <grammar>", group: "Sampling", type: NAME,
    help: "answer with a text of this grammar (EBNF): a file, or the grammar itself" },
  temperature: { flags: "-temp, --temperature <number>", aliases: ["--temp"], group: "Sampling", type: decimal(0), setting: true, fallback: 0.8,
    help: "randomness; 0 always takes the likeliest token" },
  topK: { flags: "--top-k <count>", group: "Sampling", type: integer(0), setting: true, fallback: 40,
    help: "keep the k likeliest tokens; 0 keeps all" },
  topP: { flags: "--top-p <number>", group: "Sampling", type: decimal(0, 1), setting: true, fallback: 0.95,
    help: "keep the likeliest tokens that have this probability together; 1 keeps all" },
  minP: { flags: "--min-p <number>", group: "Sampling", type: decimal(0, 1), setting: true, fallback: 0.05,
    help: "drop tokens below this share of the best one's probability; 0 keeps all" },
  repeatPenalty: { flags: "--repeat-penalty <number>", group: "Sampling", type: POSITIVE, setting: true, fallback: 1,
    help: "lower recent tokens by this factor; 1 is off" },
  repeatLastN: { flags: "--repeat-last-n <count>", group: "Sampling", type: integer(-1), setting: true, fallback: 64,
    help: "how many tokens the penalties look back on; -1 is all" },
  frequencyPenalty: { flags: "--frequency-penalty <number>", group: "Sampling", type: decimal(-2, 2), setting: true, fallback: 0,
    help: "lower a token by this each time it occurred" },
  presencePenalty: { flags: "--presence-penalty <number>", group: "Sampling", type: decimal(-2, 2), setting: true, fallback: 0,
    help: "lower a token by this if it occurred" },
  logitBias: { flags: "--logit-bias <id=bias>", group: "Sampling", type: TOKEN_BIAS_TYPE, repeatable: true, fallback: [],
    help: "add to a token's logit; -inf forbids the token (repeatable)" },
  seed: { flags: "-s, --seed <number>", group: "Sampling", type: INTEGER, setting: true, fallbackText: "random",
    help: "same seed, same text; -1 is random" },
  logprobs: { flags: "--logprobs <count>", group: "Sampling", type: integer(0, MAX_LOGPROBS),
    help: "with --json or --ndjson: log-probabilities, and this many alternatives per token" },

  pooling: { flags: "--pooling <kind>", group: "Embedding", type: oneOf("last", "mean", "cls"), fallbackText: "the model's own",
    help: "token whose state stands for the text: last or cls (the first), or the mean of all" },
  normalize: { flags: "--no-normalize", group: "Embedding", fallback: true,
    help: "leave the vectors' lengths as they are; else each is 1" },
  dimensions: { flags: "--dimensions <count>", group: "Embedding", type: integer(1), fallbackText: "all",
    help: "keep the first numbers of each vector only, if the model was trained for that" },
  instruction: { flags: "--instruction <text>", group: "Embedding", type: TEXT,
    help: "put this before each text, as retrieval models want it for queries" },
  format: { flags: "--format <name>", group: "Output", type: oneOf("json", "jsonl", "f32"), fallback: "json",
    help: "json: one document; jsonl: one line per text; f32: bare little-endian floats" },

  stride: { flags: "--stride <tokens>", group: "Scoring", type: integer(1),
    help: "let windows overlap: each starts this many tokens after the last, and those are scored" },
  chunks: { flags: "--chunks <count>", group: "Scoring", type: integer(1), fallbackText: "all",
    help: "windows to score at most" },
  text: { flags: "--text <file>", group: "Scoring", type: NAME, fallbackText: "a short story of ours",
    help: "text to measure perplexity on; - is standard input" },
  probe: { flags: "--probe", group: "Scoring",
    help: "run the model in every layout that an I2_S file may have, and compare the perplexities" },
  compare: { flags: "--compare <model>", group: "Scoring", type: NAME,
    help: "another file of the same model: how far are its predictions from those of --model?" },

  threads: { flags: "-t, --threads <count>", group: "Engine", type: integer(1, MAX_THREADS), setting: true, fallbackText: "physical cores",
    help: "CPU threads" },
  batchSize: { flags: "-b, --batch-size <tokens>", group: "Engine", type: integer(1, MAX_BATCH), setting: true, fallback: 512,
    help: "prompt tokens evaluated at once" },
  kvType: { flags: "--kv-type <type>", group: "Engine", type: oneOf(...KV_TYPES), setting: true, fallback: "f16",
    help: "number format of the KV cache: f32, f16, bf16 or int8" },
  activations: { flags: "--activations <kind>", group: "Engine", type: oneOf("int8", "none"), setting: true, fallback: "int8",
    help: "inputs of ternary matrices: int8 as suits the model, or none: floats, the slow reference" },
  weights: { flags: "--weights <form>", group: "Engine", type: oneOf(...WEIGHT_FORMS), setting: true, fallback: "fast",
    help: "ternary weights in memory: fast (2 bits each) or compact (1.6 bits, on CPUs with AVX512-VNNI)" },
  headCopy: { flags: "--head-copy <when>", group: "Engine", type: oneOf("auto", "off"), setting: true, fallback: "auto",
    help: "keep an int8 copy of an F16 head, which makes it twice as fast: auto or off (less memory)" },
  speculate: { flags: "--speculate <when>", group: "Engine", type: oneOf("auto", "off"), setting: true, fallback: "auto",
    help: "check tokens guessed from the text so far, several at once: auto (when it gains time) or off" },
  mmap: { flags: "--mmap", group: "Engine", setting: true, fallback: false,
    help: "run from the file's own pages: less memory, slower" },

  output: { flags: "-o, --output <file>", group: "Conversion", type: NAME, fallbackText: "beside the input",
    help: "file to write; with --outtype safetensors a directory" },
  outtype: { flags: "--outtype <type>", group: "Conversion", type: oneOf(...OUT_TYPE_NAMES), setting: true, fallback: "i2_s",
    help: "format of the ternary weights: i2_s, tl1, tl2, tq1_0, tq2_0, q2_0, f16, bf16, f32; or safetensors, a packed checkpoint" },
  embdType: { flags: "--embd-type <type>", group: "Conversion", type: oneOf(...EMBD_TYPES), setting: true, fallbackText: "f16",
    help: "format of embeddings and head: f16, bf16, f32, q8_0, q6_k or q4_0" },
  tlTiles: { flags: "--tl-tiles <M,K,BM,BK,bm>", group: "Conversion", type: TILES, repeatable: true, fallback: [],
    help: "tiles of the TL1 or TL2 matrices of a shape, for input and output (repeatable)" },
  allowLossy: { flags: "--allow-lossy", group: "Conversion",
    help: "round scales that the output cannot hold, and say how much was lost" },
  mergeLora: { flags: "--merge-lora <adapter>", group: "Conversion", type: LORA, repeatable: true, fallback: [],
    help: "add a LoRA adapter to the master weights before they become ternary; ADAPTER:0.5 scales it (repeatable)" },
  verify: { flags: "--verify", group: "Conversion",
    help: "read the output back and compare every weight with the input" },
  force: { flags: "--force", group: "Output",
    help: "overwrite or remove what is there without asking" },

  // Letters as in bitnet.cpp; two of them mean other things to other commands.
  hfRepo: { flags: "-hr, --hf-repo <name>", group: "Setup", type: NAME,
    help: "model to set up, as the argument" },
  modelDir: { flags: "-md, --model-dir <directory>", group: "Setup", type: NAME, fallbackText: "the caches",
    help: "put the model into a directory of its own in here; without a repository, set up the one in here" },
  quantType: { flags: "-q, --quant-type <type>", only: "setup", group: "Setup", type: oneOf("i2_s", "tl1", "tl2"), fallbackText: "what is ready, else i2_s",
    help: "format of the ternary weights: i2_s, tl1 or tl2; converts where no file has it" },
  quantEmbd: { flags: "--quant-embd", group: "Setup",
    help: "store embeddings in 6 bits (Q6_K): a third faster, very little lost" },
  usePretuned: { flags: "-p, --use-pretuned", only: "setup", group: "Setup",
    help: "no tuning: threads, kernels and batches as remembered or as shipped" },
  tune: { flags: "--no-tune", only: "setup", group: "Setup", fallback: true,
    help: "do not look for the fastest threads, kernels and batches" },
  logDir: { flags: "-ld, --log-dir <directory>", group: "Setup", type: NAME,
    help: "also write what each step says to a file of its own in here" },
  native: { flags: "--native", group: "Setup",
    help: "compile the kernels for this CPU alone, and keep the result if it is right and faster" },

  models: { flags: "-m, --model <path>", group: "Model", type: NAME, repeatable: true, fallback: [], listOf: "model", fallbackText: "the bundled one",
    help: "GGUF file or checkpoint directory (repeatable: several are measured in turns)" },
  kernel: { flags: "--kernel <names>", group: "Engine", type: NAMES, fallbackText: "the best here",
    help: "kernel targets, with commas between; all: every one that runs here but scalar" },
  threadCounts: { flags: "-t, --threads <counts>", group: "Engine", type: numberList(1), listOf: "threads", fallbackText: "physical cores",
    help: "CPU threads, as a list" },
  batchSizes: { flags: "-b, --batch-size <counts>", group: "Engine", type: numberList(1), listOf: "batchSize", fallback: [512], fallbackText: "512",
    help: "prompt tokens evaluated at once, as a list" },
  kvTypes: { flags: "--kv-type <types>", group: "Engine", type: someOf(...KV_TYPES), listOf: "kvType", fallback: ["f16"], fallbackText: "f16",
    help: "number formats of the KV cache: f32, f16, bf16, int8" },
  weightForms: { flags: "--weights <forms>", group: "Engine", type: someOf(...WEIGHT_FORMS), listOf: "weights", fallback: ["fast"], fallbackText: "fast",
    help: "ternary weights in memory: fast, compact" },
  nPrompt: { flags: "-p, --n-prompt <counts>", only: "bench", group: "Measurement", type: numberList(0), fallback: [512], fallbackText: "512",
    help: "prompts of so many tokens; lists and ranges: 128,512 or 128-1024*2 or 100-300+100; 0: none" },
  nGen: { flags: "-n, --n-gen <counts>", only: "bench", group: "Measurement", type: numberList(0), fallback: [128], fallbackText: "128",
    help: "tokens to generate; 0: none" },
  depth: { flags: "-d, --depth <counts>", group: "Measurement", type: numberList(0), fallback: [0], fallbackText: "0",
    help: "tokens in the context before each test" },
  repetitions: { flags: "-r, --repetitions <count>", group: "Measurement", type: integer(1, 1000), fallback: 5,
    help: "how often each test is measured; below 3 there is no confidence interval" },
  prompts: { flags: "--prompts <file>", group: "Measurement", type: NAME,
    help: "answer these prompts, one a line (or JSON lines with a prompt each), and count the successes" },
  limits: { flags: "--no-limits", group: "Measurement", fallback: true,
    help: "do not measure what the machine could do at best" },
  powercap: { flags: "--powercap <folder>", group: "Measurement", type: NAME, setting: true, fallback: "/sys/class/powercap",
    help: "where the system shows its energy counters" },
  perfPower: { flags: "--perf-power <folder>", group: "Measurement", type: NAME, setting: true, fallback: "/sys/bus/event_source/devices/power",
    help: "where the system describes its perf events of energy, read where --powercap cannot be" },
  assumeWatts: { flags: "--assume-watts <number>", group: "Measurement", type: POSITIVE,
    help: "no meter: estimate energy from this power; marked as an estimate and never compared" },
  benchFormat: { flags: "-o, --output <format>", only: "bench", group: "Output", type: oneOf("table", "md", "csv", "json", "jsonl"), fallback: "table",
    help: "table, md, csv, json or jsonl" },
  html: { flags: "--html <file>", group: "Output", type: NAME,
    help: "also write a page with charts, complete in itself" },
  save: { flags: "--save <file>", group: "Output", type: NAME,
    help: "also write the JSON document to a file, for --compare" },
  compareWith: { flags: "--compare <file>", only: "bench", group: "Output", type: NAME,
    help: "compare with a saved report; exit status 1 when something became slower than noise explains" },
  noise: { flags: "--noise <percent>", group: "Output", type: decimal(0, 100), fallback: 3,
    help: "changes up to this are noise, whatever the repetitions say" },

  profile: { flags: "--profile <name>", group: "Engine", type: oneOf(...PROFILE_NAMES), setting: true,
    help: "threads, batch, context and memory that suit a kind of machine: mobile, edge, server or cloud (see bitnet info)" },
  budget: { flags: "--budget <duration>", group: "Measurement", type: DURATION, fallback: 30, fallbackText: "30s",
    help: "time for everything; unlikely values are left out where it is short, the likeliest never" },
  forget: { flags: "--forget", group: "Measurement",
    help: "forget what was found for this model" },

  full: { flags: "--full", group: "Checks",
    help: "also run the engine's own test program, which sweeps every kernel over many shapes" },
  recommend: { flags: "--recommend <use>", group: "Checks", type: oneOf(...USES),
    help: "settings and commands for production, development, mobile, research, edge or cloud" },

  metadata: { flags: "--metadata", group: "Output",
    help: "print every metadata key of the model" },
  config: { flags: "--config", group: "Output",
    help: "print every setting: its value and where that comes from" },
  json: { flags: "--json", group: "Output",
    help: "print one JSON document" },
  ndjson: { flags: "--ndjson", group: "Output",
    help: "print one JSON event per line, as they happen" },
  quiet: { flags: "-q, --quiet", group: "Output",
    help: "nothing but errors on standard error" },
  verbose: { flags: "-v, --verbose", group: "Output",
    help: "details, and the stacks of errors, on standard error" },
  color: { flags: "--no-color", group: "Output", fallback: true,
    help: "no colour (also NO_COLOR)" },
} as const satisfies Readonly<Record<string, OptionSpec>>;

export type OptionKey = keyof typeof OPTIONS;

/** Options that every command takes. */
export const GLOBAL_OPTIONS = ["quiet", "verbose", "color"] as const satisfies readonly OptionKey[];

/** What a command gets for the keys it picked. */
export type OptionValues<K extends OptionKey> = {
  readonly [P in K | (typeof GLOBAL_OPTIONS)[number]]: ValueOf<(typeof OPTIONS)[P]>;
};

type ValueOf<S> = S extends { readonly type: ValueType<infer T> }
  ? S extends { readonly repeatable: true }
    ? readonly T[]
    : S extends { readonly fallback: unknown }
      ? T
      : T | undefined
  : boolean;

/** Every spelling that commander's syntax declares: `-n`, `--n-predict`. */
export function flagNames(flags: string): readonly string[] {
  return flags.split(/[ ,]+/).filter((word) => word.startsWith("-"));
}

/** The name that messages use: `--n-predict`. */
export function longFlag(flags: string): string {
  return flagNames(flags).find((name) => name.startsWith("--")) ?? flags;
}

/** `--n-predict` > `BITNET_N_PREDICT`. */
export function envName(flags: string): string {
  return `BITNET_${longFlag(flags).slice(2).replaceAll("-", "_").toUpperCase()}`;
}

import { NotFoundError, UnsupportedError, UsageError } from "../errors.ts";

/** The part of a repository that is a model. */
export type Choice =
  | { readonly kind: "gguf"; readonly file: string }
  | { readonly kind: "checkpoint"; readonly files: readonly string[] };

/** Formats in the names of GGUF files, best first: I2_S is what the engine computes with. */
const TERNARY_TAGS = "i2_s tq2_0 iq2_bn pq2_0 q2_0 ptq1_0 tq1_0 iq1_bn tl1 tl2".split(" ");
/** Ternary weights written as numbers: for want of anything smaller. */
const FLOAT_TAGS = ["f16", "bf16", "f32"];

const PART_OF_SPLIT = /-\d{5}-of-\d{5}\.gguf$/i;
const PROJECTOR = /mmproj/i;
const CONFIG = "config.json";
const INDEX = "model.safetensors.index.json";
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;
/** What is read beside the weights. */
const CHECKPOINT_TEXTS =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json$|^(tokenizer\.model|merges\.txt|chat_template\.jinja)$/;

export interface Wish {
  /** For messages. */
  readonly repo: string;
  /** A file, or a tag of its name, that the user named. */
  readonly file?: string | undefined;
  /** The only ternary format that will do. */
  readonly format?: string | undefined;
  /** The checkpoint, even if there is a GGUF file. */
  readonly checkpoint?: boolean | undefined;
}

/** Picks the model among the files of a repository: the file that was named; else a ready GGUF file,
 *  I2_S before other ternary formats; else the checkpoint; else a GGUF file of floats.
 *  @throws {NotFoundError}    the file named is not there
 *  @throws {UsageError}       the tag named fits several files
 *  @throws {UnsupportedError} nothing that this program reads */
export function chooseModel(paths: readonly string[], wish: Wish): Choice {
  const ggufs = paths.filter((path) => /\.gguf$/i.test(path) && !PROJECTOR.test(path));
  if (wish.file !== undefined) return { kind: "gguf", file: named(ggufs, wish.file, wish.repo) };
  const whole = ggufs.filter((path) => !PART_OF_SPLIT.test(path));
  const tags = wish.format === undefined ? TERNARY_TAGS : [wish.format];
  const checkpoint = checkpointFiles(paths);
  const ready = firstTagged(whole, tags);
  const file = wish.checkpoint && checkpoint ? undefined : ready;
  if (file !== undefined) return { kind: "gguf", file };
  if (checkpoint) return { kind: "checkpoint", files: checkpoint };
  const any = firstTagged(whole, [...TERNARY_TAGS, ...FLOAT_TAGS]) ?? onlyUntagged(whole);
  if (any !== undefined) return { kind: "gguf", file: any };
  throw nothing(paths, wish.repo);
}

function named(ggufs: readonly string[], file: string, repo: string): string {
  if (ggufs.includes(file)) return file;
  const tagged = ggufs.filter((path) => hasTag(path, file.toLowerCase()));
  const [only, ...others] = tagged;
  if (only !== undefined && others.length === 0) return only;
  const list = (files: readonly string[]) => files.join(", ") || "none";
  if (only !== undefined) {
    throw new UsageError(`${repo} has several files ${file}: ${list(tagged)}`, {
      hint: `name one: ${repo}:${only}`,
    });
  }
  throw new NotFoundError(`${repo} has no file ${file}`, {
    hint: `GGUF files there: ${list(ggufs)}`,
  });
}

function firstTagged(paths: readonly string[], tags: readonly string[]): string | undefined {
  for (const tag of tags) {
    const found = paths.filter((path) => hasTag(path, tag)).sort(bySimplicity);
    if (found[0] !== undefined) return found[0];
  }
  return undefined;
}

/** Plain names before those with additions, files of the root before those of folders. */
function bySimplicity(a: string, b: string): number {
  const depth = (path: string) => path.split("/").length;
  return depth(a) - depth(b) || a.length - b.length || (a < b ? -1 : 1);
}

/** Whether a name says `tag` between separators: `PQ2_0` is no `Q2_0`. */
function hasTag(path: string, tag: string): boolean {
  const name = (path.split("/").at(-1) ?? "").toLowerCase().replace(/\.gguf$/, "");
  const at = `.${name.replace(/[-.]/g, ".")}.`;
  const wanted = tag.replace(/[-.]/g, ".");
  return at.includes(`.${wanted}.`) || at.includes(`.${wanted}_`) || at.includes(`_${wanted}.`);
}

/** A single file whose name says nothing: its header will. */
function onlyUntagged(ggufs: readonly string[]): string | undefined {
  const [only, ...others] = ggufs;
  const says = only !== undefined && /(^|[-_.])(i?q\d|f16|bf16|f32)/i.test(only);
  return others.length === 0 && !says ? only : undefined;
}

/** Files of the root that make a checkpoint; undefined if there is none. */
function checkpointFiles(paths: readonly string[]): readonly string[] | undefined {
  if (!paths.includes(CONFIG)) return undefined;
  const weights = paths.filter((path) => /^[^/]+\.safetensors$/.test(path));
  const shards = weights.filter((path) => SHARD.test(path));
  const sharded = paths.includes(INDEX) && shards.length > 0;
  if (weights.length === 0) return undefined;
  const texts = paths.filter((path) => CHECKPOINT_TEXTS.test(path));
  return sharded ? [...texts, INDEX, ...shards] : [...texts, ...weights];
}

function nothing(paths: readonly string[], repo: string): UnsupportedError {
  const pickled = paths.some((path) => /\.(bin|pt|pth)$/.test(path));
  const others = paths.filter((path) => /\.gguf$/i.test(path));
  const has =
    others.length > 0
      ? `its GGUF files are ${others.join(", ")}`
      : "no GGUF file and no *.safetensors";
  const hint = pickled
    ? "its weights are pickles, which can run any code when they are read: look for a *.safetensors revision"
    : "`bitnet setup` lists models that work";
  return new UnsupportedError(`${repo} has no ternary model: ${has}`, { hint });
}

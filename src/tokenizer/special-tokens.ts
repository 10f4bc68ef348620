import { byteOfName } from "./spelling.ts";
import { TOKEN_KIND } from "./token-kind.ts";

/** Texts that end a generation wherever they are special tokens: end of turn or of text in the
 *  families at hand (llama.cpp keeps such a list, too, because files name only one of them). */
const END_TEXTS: ReadonlySet<string> = new Set([
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|end_of_text|>",
  "<|eom_id|>",
  "<EOT>",
]);

/** Texts that end a generation if they are special tokens, but may be ordinary ones, too: HTML. */
const END_TEXTS_IF_SPECIAL: ReadonlySet<string> = new Set([...END_TEXTS, "</s>", "<eos>"]);

const BAR_MARKUP = /^<\|[^\s<>|]+\|>$/;
const MARKUP = /^(?:<[^\s<>]+>|\[[A-Z_]+\])$/;

/** Gives special tokens their kind where the file does not: otherwise typed text could become them.
 *  Files are known that mark `<|im_end|>` as an ordinary or a user-defined token.
 *  Ordinary tokens of roles keep their kind unless they look like markup: a model may stop at "\n".
 *  @param roles  bos, eos and such */
export function markSpecialTokens(
  texts: readonly (string | undefined)[],
  kinds: Uint8Array,
  roles: Iterable<number>,
): void {
  const inRole = new Set(roles);
  for (let id = 0; id < texts.length; id++) {
    const text = texts[id];
    if (text === undefined || kinds[id] === TOKEN_KIND.control) continue;
    const first = text.charCodeAt(0);
    if (first !== 0x3c && first !== 0x5b) continue; // "<", "["
    const special =
      END_TEXTS.has(text) ||
      (inRole.has(id) && MARKUP.test(text)) ||
      (kinds[id] === TOKEN_KIND.userDefined && BAR_MARKUP.test(text));
    if (special) kinds[id] = TOKEN_KIND.control;
  }
}

/** Gives byte tokens and the unknown token of a SentencePiece vocabulary their kind where the file does
 *  not, as tokenizer.json cannot. */
export function markPieceKinds(
  texts: readonly (string | undefined)[],
  kinds: Uint8Array,
  unknown: unknown,
): void {
  for (let id = 0; id < texts.length; id++) {
    const text = texts[id];
    if (text === undefined) continue;
    if (text === unknown) kinds[id] = TOKEN_KIND.unknown;
    else if (kinds[id] === TOKEN_KIND.normal && byteOfName(text) !== undefined) {
      kinds[id] = TOKEN_KIND.byte;
    }
  }
}

/** The tokens that end a generation. */
export function stopTokenSet(
  specialTokens: ReadonlyMap<string, number>,
  declared: Iterable<number>,
): ReadonlySet<number> {
  const stops = new Set(declared);
  for (const [text, id] of specialTokens) {
    if (END_TEXTS_IF_SPECIAL.has(text)) stops.add(id);
  }
  return stops;
}

export function isSpecialKind(kind: number): boolean {
  return kind === TOKEN_KIND.control || kind === TOKEN_KIND.unknown;
}

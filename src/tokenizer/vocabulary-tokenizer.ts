import { ModelFormatError, ResourceError } from "../errors.ts";
import { type AddedToken, AddedTokenSplitter } from "./added-tokens.ts";
import type { TextEncoding, TokenizerDefinition } from "./definition.ts";
import { IdBuffer } from "./id-buffer.ts";
import { isSpecialKind, markSpecialTokens, stopTokenSet } from "./special-tokens.ts";
import { TOKEN_KIND } from "./token-kind.ts";
import type { DecodeOptions, EncodeOptions, PieceOptions, Tokenizer } from "./tokenizer.ts";
import { MAX_VOCABULARY, Vocabulary } from "./vocabulary.ts";

/** Longer texts would overflow positions in the merger; context windows end far earlier. */
const MAX_TEXT_UNITS = 2 ** 26;

const NO_BYTES = new Uint8Array(0);

const SPACE = 0x20;

/** @throws {ModelFormatError} an id outside the vocabulary, equal tokens, merges of unknown tokens */
export function buildTokenizer(definition: TokenizerDefinition): Tokenizer {
  return new VocabularyTokenizer(definition);
}

class VocabularyTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly stopTokens: ReadonlySet<number>;
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly chatTemplate: string | undefined;
  readonly pre: string;
  readonly dropsLeadingSpace: boolean;
  readonly notes: readonly string[];
  readonly #vocabulary: Vocabulary;
  readonly #encodeText: TextEncoding;
  readonly #added: ReadonlyMap<string, number>;
  readonly #splitters: {
    readonly all: AddedTokenSplitter;
    readonly special: AddedTokenSplitter;
    readonly userDefined: AddedTokenSplitter;
  };

  constructor(definition: TokenizerDefinition) {
    const { texts, kinds, bos, eos, unknown, stops } = definition;
    const roles = [bos, eos, unknown, ...stops].filter((id) => id !== undefined);
    checkSizes(texts, kinds, roles);
    markSpecialTokens(texts, kinds, roles);
    const added = listAddedTokens(definition);
    const isSpecial = ({ id }: AddedToken): boolean => isSpecialKind(kinds[id] as number);
    const special = added.filter(isSpecial);
    this.#splitters = {
      all: new AddedTokenSplitter(added),
      special: new AddedTokenSplitter(special),
      userDefined: new AddedTokenSplitter(added.filter((token) => !isSpecial(token))),
    };
    this.#added = new Map(added.map(({ text, id }) => [text, id]));
    this.#vocabulary = new Vocabulary(texts, kinds, definition.spelling);
    this.#encodeText = definition.encoding(this.#vocabulary);
    this.vocabSize = texts.length;
    this.bos = bos;
    this.eos = eos;
    this.addBos = definition.addBos && bos !== undefined;
    this.addEos = definition.addEos && eos !== undefined;
    this.specialTokens = new Map(special.map(({ text, id }) => [text, id]));
    this.stopTokens = stopTokenSet(this.specialTokens, eos === undefined ? stops : [eos, ...stops]);
    this.chatTemplate = definition.chatTemplate;
    this.pre = definition.pre;
    this.dropsLeadingSpace = definition.dropsLeadingSpace;
    this.notes = definition.notes;
  }

  encode(text: string, options: EncodeOptions): Int32Array {
    if (text.length > MAX_TEXT_UNITS) {
      throw new ResourceError(`text has ${text.length} characters, at most ${MAX_TEXT_UNITS}`);
    }
    const out = new IdBuffer();
    const splitter = options.special ? this.#splitters.all : this.#splitters.userDefined;
    let continues = options.continues ?? false;
    for (const part of splitter.split(text)) {
      if (typeof part === "number") out.push(part);
      else this.#encodeText(part, out, continues);
      continues = true;
    }
    return out.toArray();
  }

  decode(ids: Iterable<number>, options: DecodeOptions = {}): string {
    const pieces: Uint8Array[] = [];
    for (const id of ids) pieces.push(this.pieceBytes(id, options));
    const bytes = Buffer.concat(pieces);
    const start = this.dropsLeadingSpace && !options.continues && bytes[0] === SPACE ? 1 : 0;
    // A byte order mark is text like any other here, hence ignoreBOM (which means: keep it).
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(start));
  }

  pieceBytes(id: number, options: PieceOptions = {}): Uint8Array {
    const kind = this.#vocabulary.kind(id);
    const hidden = isSpecialKind(kind) || kind === TOKEN_KIND.unused;
    return hidden && !options.special ? NO_BYTES : this.#vocabulary.bytes(id);
  }

  tokenId(text: string): number | undefined {
    const added = this.#added.get(text);
    if (added !== undefined) return added;
    const id = this.#vocabulary.findText(text);
    return id < 0 ? undefined : id;
  }

  isSpecial(id: number): boolean {
    return isSpecialKind(this.#vocabulary.kind(id));
  }

  splitSpecial(text: string): (string | number)[] {
    return this.#splitters.special.split(text);
  }
}

function checkSizes(texts: readonly unknown[], kinds: Uint8Array, roles: readonly number[]): void {
  if (texts.length === 0 || texts.length > MAX_VOCABULARY) {
    const range = `expected 1 to ${MAX_VOCABULARY}`;
    throw new ModelFormatError(`vocabulary: ${texts.length} tokens, ${range}`);
  }
  if (kinds.length !== texts.length) {
    const found = `${texts.length} tokens, but ${kinds.length} token types`;
    throw new ModelFormatError(`vocabulary: ${found}`);
  }
  const stray = roles.find((id) => !(Number.isInteger(id) && id >= 0 && id < texts.length));
  if (stray !== undefined) {
    const size = `the vocabulary has ${texts.length} tokens`;
    throw new ModelFormatError(`vocabulary: special token id ${stray}, but ${size}`);
  }
}

function listAddedTokens({ texts, kinds, lstrip, rstrip }: TokenizerDefinition): AddedToken[] {
  const added: AddedToken[] = [];
  for (let id = 0; id < texts.length; id++) {
    const text = texts[id];
    const kind = kinds[id] as number;
    if (!text || !(isSpecialKind(kind) || kind === TOKEN_KIND.userDefined)) continue;
    added.push({ id, text, lstrip: lstrip?.has(id) ?? false, rstrip: rstrip?.has(id) ?? false });
  }
  return added;
}

import { ModelFormatError } from "../errors.ts";

/** A token that stands outside byte-pair encoding and is found in text by its exact spelling. */
export interface AddedToken {
  readonly id: number;
  readonly text: string;
  /** Takes the white space to its left (right) with it. */
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
}

/** Real vocabularies have some hundreds, at most a few thousand. */
const MAX_ADDED_TOKENS = 1 << 16;

interface Node {
  readonly next: Map<number, Node>;
  token?: AddedToken;
}

/** Finds added tokens in text: the leftmost first, of those that start together the longest. */
export class AddedTokenSplitter {
  readonly #root: Node = { next: new Map() };
  readonly #first = new Uint8Array(128);

  /** @throws {ModelFormatError} more tokens than any vocabulary has */
  constructor(tokens: readonly AddedToken[]) {
    if (tokens.length > MAX_ADDED_TOKENS) {
      const found = `${tokens.length} special tokens, at most ${MAX_ADDED_TOKENS}`;
      throw new ModelFormatError(`vocabulary: ${found}`);
    }
    for (const token of tokens) this.#insert(token);
  }

  /** Cuts text at added tokens: strings are ordinary text (never empty), numbers are ids. */
  split(text: string): (string | number)[] {
    const parts: (string | number)[] = [];
    let start = 0;
    let at = 0;
    while (at < text.length) {
      const token = this.matchAt(text, at);
      if (!token) {
        at++;
        continue;
      }
      const before = text.slice(start, at);
      pushText(parts, token.lstrip ? before.trimEnd() : before);
      parts.push(token.id);
      at += token.text.length;
      if (token.rstrip) at += text.length - at - text.slice(at).trimStart().length;
      start = at;
    }
    pushText(parts, text.slice(start));
    return parts;
  }

  /** The longest added token that starts at `at`. */
  matchAt(text: string, at: number): AddedToken | undefined {
    const first = text.charCodeAt(at);
    if (first < 128 && this.#first[first] === 0) return undefined;
    let node = this.#root.next.get(first);
    let found: AddedToken | undefined;
    for (let i = at + 1; node; i++) {
      found = node.token ?? found;
      node = i < text.length ? node.next.get(text.charCodeAt(i)) : undefined;
    }
    return found;
  }

  #insert(token: AddedToken): void {
    if (token.text === "") return;
    let node = this.#root;
    for (let i = 0; i < token.text.length; i++) {
      const code = token.text.charCodeAt(i);
      if (i === 0 && code < 128) this.#first[code] = 1;
      let next = node.next.get(code);
      if (!next) {
        next = { next: new Map() };
        node.next.set(code, next);
      }
      node = next;
    }
    node.token ??= token;
  }
}

function pushText(parts: (string | number)[], text: string): void {
  if (text !== "") parts.push(text);
}

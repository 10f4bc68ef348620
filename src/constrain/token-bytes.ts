import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TokenBytes } from "./protocol.ts";

/** The bytes of all tokens that a text can have. */
export function tokenBytes(tokenizer: Tokenizer): TokenBytes {
  const offsets = new Uint32Array(tokenizer.vocabSize + 1);
  const pieces: Uint8Array[] = [];
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const piece = tokenizer.pieceBytes(id);
    offsets[id + 1] = (offsets[id] as number) + piece.length;
    pieces.push(piece);
  }
  const bytes = new Uint8Array(offsets[tokenizer.vocabSize] as number);
  pieces.forEach((piece, id) => void bytes.set(piece, offsets[id]));
  return { bytes, offsets };
}

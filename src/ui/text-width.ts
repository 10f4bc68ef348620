import { stripVTControlCharacters } from "node:util";
import { eastAsianWidth } from "get-east-asian-width";

const GRAPHEMES = new Intl.Segmenter();
const TAB_COLUMNS = 8;
/** Marks without a base, and characters that are not shown. */
const NOTHING = /^[\p{Mark}\p{Format}]/u;
const EMOJI = /^\p{Emoji_Presentation}|\ufe0f/u;

/** Columns that a text takes on a terminal: wide characters two, colours and marks none. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of GRAPHEMES.segment(stripVTControlCharacters(text))) {
    width += graphemeWidth(segment);
  }
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (grapheme === "\t") return TAB_COLUMNS;
  if (NOTHING.test(grapheme)) return 0;
  if (EMOJI.test(grapheme)) return 2;
  return eastAsianWidth(grapheme.codePointAt(0) ?? 0);
}

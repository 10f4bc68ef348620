const LONGEST = 80;

/** Text from a file, fit for a message: plain names stay as they are, anything else is quoted, escaped
 *  to ASCII and cut, so that it can neither flood nor disturb a terminal. */
export function quote(text: string): string {
  if (/^[\w.:/-]{1,80}$/.test(text)) return text;
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  const asEscape = (char: string): string =>
    `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(cut).replace(/[^\x20-\x7e]/g, asEscape);
}

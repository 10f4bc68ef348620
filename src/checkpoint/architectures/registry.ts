import { UnsupportedError } from "../../errors.ts";
import { quote } from "../../gguf/quote.ts";
import type { Architecture } from "./architecture.ts";
import { BITNET } from "./bitnet.ts";

/** Every checkpoint family that can be read. */
export const ARCHITECTURES: readonly Architecture[] = [BITNET];

/** @throws {UnsupportedError} none of `classes` is known */
export function findArchitecture(classes: readonly unknown[], file: string): Architecture {
  const found = ARCHITECTURES.find((one) => one.classes.some((name) => classes.includes(name)));
  if (found) return found;
  const known = ARCHITECTURES.flatMap((one) => one.classes).join(", ");
  throw new UnsupportedError(
    `${file}: model family ${classes.map(String).map(quote).join(", ") || "(none)"} is not supported; known: ${known}`,
  );
}

import { fileURLToPath } from "node:url";

/** The model that comes with the package, for whoever names none. */
export function bundledModelPath(): string {
  return fileURLToPath(new URL("../../models/tiny-random.gguf", import.meta.url));
}

/** What it is, in one line, with the way to a better one. */
export const BUNDLED_MODEL_NOTE =
  "no model named: using the bundled one, which has random weights and writes nonsense; name another with -m FILE";

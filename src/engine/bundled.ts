import { fileURLToPath } from "node:url";

/** Checkpoint folder of the model that comes with the package. */
export const DEMO_CHECKPOINT = fileURLToPath(new URL("../../models/demo", import.meta.url));

/** The model that comes with the package, for whoever names none. */
export function bundledModelPath(): string {
  return fileURLToPath(new URL("../../models/demo/demo-i2_s.gguf", import.meta.url));
}

/** What it is, in one line, with the way to a better one. */
export const BUNDLED_MODEL_NOTE =
  "no model named: using the bundled demonstration model of a few million parameters; for BitNet 2B4T: bitnet setup 2b4t";

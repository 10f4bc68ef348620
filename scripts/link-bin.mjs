// Puts the package's own command beside those of its dependencies, so that `npx bitnet` in a clone
// runs the clone and does not look for a package of that name in the registry.
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "node_modules", ".bin");
const link = join(folder, "bitnet");
mkdirSync(folder, { recursive: true });
rmSync(link, { force: true });
symlinkSync(join("..", "..", "bin", "bitnet.js"), link);

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";

/** What a build for one CPU was made for: it is used where all of it is still so. */
export interface NativeManifest {
  /** Of the file beside it. */
  readonly addon: string;
  /** See `cpuIdentity`. */
  readonly cpu: string;
  /** sha256 of the packaged addon that it replaces: another version has another one. */
  readonly replaces: string;
}

export const NATIVE_ADDON = "bitnet.node";
export const NATIVE_MANIFEST = "manifest.json";

/** Path of the build in a folder, if it was made for this CPU and this version and was kept. */
export function nativeBuildIn(folder: string, packagedAddon: string): string | undefined {
  let manifest: Partial<NativeManifest>;
  try {
    manifest = JSON.parse(readFileSync(join(folder, NATIVE_MANIFEST), "utf8"));
  } catch {
    return undefined; // none, the usual case
  }
  const path = join(folder, NATIVE_ADDON);
  try {
    const matches =
      manifest.cpu === cpuIdentity() &&
      manifest.replaces === hashFile(packagedAddon) &&
      manifest.addon === hashFile(path);
    return matches ? path : undefined;
  } catch {
    return undefined;
  }
}

export function hashFile(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Name and features of the CPU: code that is made for one set of features is not for another, and
 *  the same virtual machine may wake up on another CPU. */
export function cpuIdentity(): string {
  return `${process.arch} ${cpus()[0]?.model ?? ""} ${featureHash()}`;
}

/** Of the features that Linux tells; elsewhere the name of the CPU has to do. */
function featureHash(): string {
  try {
    const lines = readFileSync("/proc/cpuinfo", "utf8").split("\n");
    const features = lines.find((line) => /^(flags|Features)\s*:/.test(line)) ?? "";
    return createHash("sha256").update(features).digest("hex").slice(0, 16);
  } catch {
    return "";
  }
}

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  cpuIdentity,
  hashFile,
  NATIVE_ADDON,
  NATIVE_MANIFEST,
  nativeBuildIn,
} from "../../../src/engine/native-build.ts";
import { tempDir } from "../../support/temp-dir.ts";

function folderWithBuild() {
  const folder = tempDir();
  const packaged = join(folder, "packaged.node");
  writeFileSync(packaged, "packaged");
  writeFileSync(join(folder, NATIVE_ADDON), "own");
  const manifest = {
    addon: hashFile(join(folder, NATIVE_ADDON)),
    cpu: cpuIdentity(),
    replaces: hashFile(packaged),
  };
  const write = (changes: Partial<typeof manifest> = {}): void => {
    writeFileSync(join(folder, NATIVE_MANIFEST), JSON.stringify({ ...manifest, ...changes }));
  };
  write();
  return { folder, packaged, write };
}

it("a build for this CPU and this version is used", () => {
  const { folder, packaged } = folderWithBuild();
  expect(nativeBuildIn(folder, packaged)).toBe(join(folder, NATIVE_ADDON));
});

it.each([
  ["for another CPU", { cpu: "x64 Another CPU 0123" }],
  ["for another version", { replaces: "0".repeat(64) }],
  ["that was changed", { addon: "0".repeat(64) }],
])("a build %s is not", (_, changes) => {
  const { folder, packaged, write } = folderWithBuild();
  write(changes);
  expect(nativeBuildIn(folder, packaged)).toBeUndefined();
});

it("without a manifest, or with a damaged one, there is none", () => {
  const { folder, packaged } = folderWithBuild();
  writeFileSync(join(folder, NATIVE_MANIFEST), "{");
  expect(nativeBuildIn(folder, packaged)).toBeUndefined();
  rmSync(join(folder, NATIVE_MANIFEST));
  expect(nativeBuildIn(folder, packaged)).toBeUndefined();
});

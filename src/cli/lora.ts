import type { ValueType } from "../config/values.ts";
import type { LoraOption } from "../lora/adapters.ts";

const SCALED = /^(.+):([+-]?(?:\d+\.?\d*|\.\d+))$/;

/** `adapter` or `adapter:0.5`; a drive letter is no scale. */
export const LORA: ValueType<LoraOption> = {
  expected: "ADAPTER or ADAPTER:SCALE",
  parse: (text) => {
    const [, path = text, scale] = SCALED.exec(text) ?? [];
    if (path === "") return undefined;
    return scale === undefined ? { path } : { path, scale: Number(scale) };
  },
};

import type { I2sLayout } from "../checkpoint/encodings.ts";

/** `--i2s-layout` in the words of the encodings table. */
const LAYOUTS = {
  group128: "i2_s",
  group64: "i2_s_group64",
  row4: "i2_s_row4",
  seq_hi: "i2_s_seq_hi",
  seq_lo: "i2_s_seq_lo",
} as const satisfies Readonly<Record<string, I2sLayout>>;

export type I2sLayoutName = keyof typeof LAYOUTS;
export const I2S_LAYOUT_NAMES = Object.keys(LAYOUTS) as readonly I2sLayoutName[];

export function i2sLayout(name: I2sLayoutName): I2sLayout {
  return LAYOUTS[name];
}

import { readGguf } from "../../src/gguf/reader.ts";
import type { GgufTensor, Metadata, MetadataEntry } from "../../src/gguf/types.ts";
import { openGgufWriter } from "../../src/gguf/writer.ts";
import { tensorData } from "./gguf.ts";

export interface GgufEdits {
  /** Keys to set; undefined takes one away. */
  readonly metadata?: Readonly<Record<string, MetadataEntry | undefined>>;
  /** Other bytes, of the same length, for a tensor. */
  readonly bytes?: (tensor: GgufTensor, bytes: Buffer) => Uint8Array;
}

/** Copies a GGUF file with changes. */
export async function editGguf(from: string, to: string, edits: GgufEdits): Promise<void> {
  const file = await readGguf(from);
  const writer = await openGgufWriter(to, edited(file.metadata, edits.metadata), file.tensors);
  for (const tensor of file.tensors) {
    const bytes = tensorData(file, tensor.name);
    await writer.append(tensor.name, edits.bytes?.(tensor, bytes) ?? bytes);
  }
  await writer.finish();
}

function edited(metadata: Metadata, changes: GgufEdits["metadata"] = {}): Metadata {
  const all = new Map(metadata);
  for (const [key, entry] of Object.entries(changes)) {
    if (entry) all.set(key, entry);
    else all.delete(key);
  }
  return all;
}

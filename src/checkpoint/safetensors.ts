import { join } from "node:path";
import { ModelFormatError, NotFoundError } from "../errors.ts";
import { openFile, readFully } from "../gguf/files.ts";
import { quote } from "../gguf/quote.ts";
import { JsonObject, parseJson, readJson, show } from "./json.ts";

/** The format's own bound on its JSON header. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const MAX_DIMS = 8;

/** Bytes per element of each dtype of the safetensors specification. */
const DTYPE_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** A tensor of a checkpoint; its range is known to lie within its file. */
export interface SafeTensor {
  readonly name: string;
  readonly dtype: string;
  /** Slowest-varying first, as in PyTorch. Empty for a scalar. */
  readonly shape: readonly number[];
  /** Index into `SafeTensors.files`. */
  readonly file: number;
  /** Absolute byte offset. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafeTensors {
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, SafeTensor>;
}

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";

/** Reads the tensor table of a checkpoint folder: `model.safetensors`, or the shards that
 *  `model.safetensors.index.json` lists, or the only *.safetensors file there is.
 *  @throws {NotFoundError} no such file, or a shard is missing
 *  @throws {ModelFormatError} a damaged header; ranges outside the file, with gaps or overlapping */
export async function readSafetensors(
  folder: string,
  names: readonly string[],
): Promise<SafeTensors> {
  const [only, ...others] = names.filter((name) => name.endsWith(".safetensors"));
  if (names.includes(SINGLE)) return readFiles([join(folder, SINGLE)]);
  if (names.includes(INDEX)) return readShards(folder);
  if (only !== undefined && others.length === 0) return readFiles([join(folder, only)]);
  throw new NotFoundError(`${folder} holds neither ${SINGLE} nor ${INDEX}`);
}

async function readShards(folder: string): Promise<SafeTensors> {
  const index = await readJson(folder, INDEX);
  const weightMap = index.need("weight_map", index.object);
  const wanted = new Map<string, string>();
  for (const [tensor, shard] of weightMap.entries()) {
    // The index is untrusted: a shard must lie in the folder itself.
    if (typeof shard !== "string" || !/^[\w.-]+\.safetensors$/.test(shard)) {
      throw new ModelFormatError(
        `${index.file}: ${quote(tensor)} is in ${show(shard)}, not a shard name`,
      );
    }
    wanted.set(tensor, join(folder, shard));
  }
  const all = await readFiles([...new Set(wanted.values())].sort());
  for (const [tensor, shard] of wanted) {
    const found = all.tensors.get(tensor);
    if (!found || all.files[found.file] !== shard) {
      throw new ModelFormatError(`${index.file}: tensor ${quote(tensor)} is not in ${shard}`);
    }
  }
  return all;
}

async function readFiles(files: readonly string[]): Promise<SafeTensors> {
  const tensors = new Map<string, SafeTensor>();
  for (const [i, path] of files.entries()) {
    for (const tensor of await readHeader(path, i)) {
      if (tensors.has(tensor.name)) {
        throw new ModelFormatError(
          `${path}: tensor ${quote(tensor.name)} is in another shard as well`,
        );
      }
      tensors.set(tensor.name, tensor);
    }
  }
  return { files, tensors };
}

async function readHeader(path: string, file: number): Promise<readonly SafeTensor[]> {
  await using opened = await openFile(path);
  const fileBytes = opened.bytes;
  if (fileBytes < LENGTH_BYTES) {
    throw new ModelFormatError(`${path}: truncated: ${fileBytes} bytes, no safetensors header`);
  }
  const length = Buffer.alloc(LENGTH_BYTES);
  await readFully(opened, length, 0);
  const headerBytes = length.readBigUInt64LE();
  const mostBytes = Math.min(MAX_HEADER_BYTES, fileBytes - LENGTH_BYTES);
  if (headerBytes > mostBytes) {
    throw new ModelFormatError(
      `${path}: header length ${headerBytes} is beyond ${mostBytes}: not a safetensors file, or truncated`,
    );
  }
  const header = Buffer.alloc(Number(headerBytes));
  await readFully(opened, header, LENGTH_BYTES);
  return parseSafetensorsHeader(header, { path, file, fileBytes });
}

/** The tensors that a JSON header describes, in order of offset.
 *  @throws {ModelFormatError} as `readSafetensors` */
export function parseSafetensorsHeader(
  header: Buffer,
  place: { path: string; file: number; fileBytes: number },
): readonly SafeTensor[] {
  const dataOffset = LENGTH_BYTES + header.length;
  const tensors: SafeTensor[] = [];
  for (const [name, value] of parseJson(header.toString("utf8"), place.path).entries()) {
    if (name === "__metadata__") continue;
    const entry = new JsonObject(`${place.path}: ${quote(name)}`, value);
    tensors.push({ name, file: place.file, ...readEntry(entry, dataOffset) });
  }
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  checkRanges(tensors, dataOffset, place);
  return tensors;
}

type Entry = Pick<SafeTensor, "dtype" | "shape" | "offset" | "bytes">;

function readEntry(entry: JsonObject, dataOffset: number): Entry {
  const dtype = entry.need("dtype", entry.string);
  const shape = entry.need("shape", entry.array);
  const [begin, end] = entry.need("data_offsets", entry.array) as [number, number];
  const elemBytes = DTYPE_BYTES[dtype];
  if (elemBytes === undefined)
    throw new ModelFormatError(`${entry.file}: unknown dtype ${quote(dtype)}`);
  if (!isShape(shape)) throw new ModelFormatError(`${entry.file}: impossible shape ${show(shape)}`);
  const bytes = shape.reduce((product, dim) => product * dim, elemBytes);
  if (!Number.isSafeInteger(begin) || begin < 0 || end - begin !== bytes) {
    throw new ModelFormatError(
      `${entry.file}: data_offsets ${show([begin, end])} do not hold ${bytes} bytes of ${dtype} ${show(shape)}`,
    );
  }
  return { dtype, shape, offset: dataOffset + begin, bytes };
}

function isShape(shape: readonly unknown[]): shape is readonly number[] {
  const isDim = (dim: unknown): boolean => Number.isSafeInteger(dim) && Number(dim) >= 0;
  const product = shape.reduce<number>((total, dim) => total * Number(dim), 1);
  return shape.length <= MAX_DIMS && shape.every(isDim) && product < 2 ** 50;
}

/** The format leaves no gaps; checking that finds truncated files, overlaps and keys given twice. */
function checkRanges(
  tensors: readonly SafeTensor[],
  dataOffset: number,
  { path, fileBytes }: { path: string; fileBytes: number },
): void {
  let end = dataOffset;
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) {
      const problem = offset < end ? "overlaps the tensor before it" : "leaves a gap before it";
      throw new ModelFormatError(`${path}: tensor ${quote(name)} ${problem} (byte ${offset})`);
    }
    end = offset + bytes;
  }
  if (end === fileBytes) return;
  const problem = end > fileBytes ? "truncated" : "trailing bytes";
  throw new ModelFormatError(`${path}: ${problem}: tensors end at ${end}, file has ${fileBytes}`);
}

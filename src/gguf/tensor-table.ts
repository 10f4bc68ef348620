import { ModelFormatError, UnsupportedError } from "../errors.ts";
import type { GgufHeader, TensorInfo } from "./header.ts";
import { LIMITS } from "./limits.ts";
import { quote } from "./quote.ts";
import { type TensorType, tensorBytes, tensorTypesById } from "./tensor-types.ts";
import { DEFAULT_ALIGNMENT, type GgufTensor, type Metadata, padTo } from "./types.ts";

export interface TensorTable {
  readonly alignment: number;
  readonly dataOffset: number;
  readonly tensors: readonly GgufTensor[];
}

interface Place {
  readonly alignment: number;
  readonly dataOffset: number;
  readonly fileBytes: number;
  readonly metadata: Metadata;
}

/** Turns the tensor infos of a header into checked byte ranges.
 *  @throws {ModelFormatError} a range outside the file, misaligned, overlapping, a duplicate name, an
 *    impossible shape
 *  @throws {UnsupportedError} a tensor type that is unknown, or ambiguous in this file */
export function checkTensors(header: GgufHeader, fileBytes: number): TensorTable {
  const alignment = readAlignment(header.metadata);
  const dataOffset = padTo(header.end, alignment);
  const place = { alignment, dataOffset, fileBytes, metadata: header.metadata };
  checkNames(header.infos);
  const types = new Map<number, TensorType>();
  const tensors = header.infos.map((info): GgufTensor => {
    checkShape(info);
    const type = types.get(info.typeId) ?? resolveType(info, header.infos, place);
    types.set(info.typeId, type);
    return locate(info, type, place);
  });
  checkOverlaps(tensors);
  return { alignment, dataOffset, tensors };
}

function readAlignment(metadata: Metadata): number {
  const entry = metadata.get("general.alignment");
  if (!entry) return DEFAULT_ALIGNMENT;
  const value = Number(entry.value);
  const isPowerOfTwo = Number.isInteger(Math.log2(value));
  if (entry.type !== "uint32" || !isPowerOfTwo || value > LIMITS.alignment) {
    throw new ModelFormatError(
      `general.alignment is ${entry.type} ${entry.value}, expected a uint32 power of two up to ${LIMITS.alignment}`,
    );
  }
  return value;
}

function checkNames(infos: readonly TensorInfo[]): void {
  const seen = new Set<string>();
  for (const { name } of infos) {
    if (name === "" || /[^\x21-\x7e]/.test(name)) {
      throw new ModelFormatError(`tensor name ${quote(name)} is empty or not plain ASCII`);
    }
    if (seen.has(name)) throw new ModelFormatError(`two tensors are named ${name}`);
    seen.add(name);
  }
}

function checkShape({ name, dims }: TensorInfo): void {
  const elems = dims.reduce((product, dim) => product * dim, 1);
  // Half of 2^53, so that any byte count of up to 8 bytes per weight stays exact after a division.
  if (elems > 0 && elems < 2 ** 50) return;
  throw new ModelFormatError(`impossible shape of ${name}: [${dims.join(", ")}]`);
}

function resolveType(info: TensorInfo, infos: readonly TensorInfo[], place: Place): TensorType {
  const candidates = tensorTypesById(info.typeId);
  const [first] = candidates;
  if (!first) {
    throw new UnsupportedError(`unknown tensor type ${info.typeId} in ${info.name}`, {
      hint: "the file may be newer than this program, or damaged",
    });
  }
  if (candidates.length === 1 && !first.proveByOffsets) return first;
  const fitting = candidates.filter((type) => fitsOffsets(type, infos, place));
  const [only, ...others] = narrow(fitting, infos, place);
  if (only && others.length === 0) return only;
  const names = candidates.map((type) => type.name).join(", ");
  const verdict = fitting.length === 0 ? "none of them" : "more than one of them";
  throw new UnsupportedError(
    `tensor type ${info.typeId} in ${info.name} stands for ${names}; ${candidates.length === 1 ? "it does not fit" : `${verdict} fits`} the offsets in this file`,
  );
}

/** Of types that all fit: those that the file's marks name, else those without a mark; then those
 *  that leave no bytes behind the last tensor. */
function narrow(
  fitting: readonly TensorType[],
  infos: readonly TensorInfo[],
  place: Place,
): readonly TensorType[] {
  const marked = fitting.filter((type) => type.isMarked?.(place.metadata));
  const left = marked.length > 0 ? marked : fitting.filter((type) => !type.isMarked);
  if (left.length < 2) return left;
  const exact = left.filter((type) => endsWithFile(type, infos, place));
  return exact.length > 0 ? exact : left;
}

/** Whether every tensor with the type's id, taken as this type, ends where the next one begins.
 *  Writers leave no gaps, so the offsets tell types apart that share an id. */
function fitsOffsets(type: TensorType, infos: readonly TensorInfo[], place: Place): boolean {
  const sorted = infos.toSorted((a, b) => a.offset - b.offset);
  return sorted.every((info, i) => {
    if (info.typeId !== type.id) return true;
    const bytes = tensorBytes(type, info.dims);
    if (bytes === undefined) return false;
    const next = sorted[i + 1];
    if (next) return info.offset + padTo(bytes, place.alignment) === next.offset;
    return place.dataOffset + info.offset + bytes <= place.fileBytes;
  });
}

/** Whether the last tensor, taken as this type, ends with the file, padded or not. */
function endsWithFile(type: TensorType, infos: readonly TensorInfo[], place: Place): boolean {
  const last = infos.reduce((a, b) => (b.offset > a.offset ? b : a));
  const bytes = last.typeId === type.id ? tensorBytes(type, last.dims) : undefined;
  if (bytes === undefined) return false;
  const end = place.dataOffset + last.offset;
  return [bytes, padTo(bytes, place.alignment)].some((n) => end + n === place.fileBytes);
}

function locate(info: TensorInfo, type: TensorType, place: Place): GgufTensor {
  const { name, dims } = info;
  const bytes = tensorBytes(type, dims);
  if (bytes === undefined) {
    throw new ModelFormatError(
      `impossible shape of ${name}: [${dims.join(", ")}] does not fill ${type.name} blocks of ${type.blockElems}`,
    );
  }
  if (info.offset % place.alignment !== 0) {
    throw new ModelFormatError(
      `offset of tensor ${name} is ${info.offset}, not a multiple of ${place.alignment}`,
    );
  }
  const offset = place.dataOffset + info.offset;
  if (offset + bytes > place.fileBytes) {
    throw new ModelFormatError(
      `truncated: tensor ${name} needs bytes ${offset}..${offset + bytes}, file has ${place.fileBytes}`,
      { hint: "the download may be incomplete; fetch the file again" },
    );
  }
  return { name, dims, type, offset, bytes };
}

function checkOverlaps(tensors: readonly GgufTensor[]): void {
  const sorted = tensors.toSorted((a, b) => a.offset - b.offset);
  for (const [i, tensor] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next && tensor.offset + tensor.bytes > next.offset) {
      throw new ModelFormatError(
        `tensors ${tensor.name} and ${next.name} overlap at byte ${next.offset}`,
      );
    }
  }
}

import { fromNative } from "../errors.ts";

/** The result of a call of the addon, with its errors turned into ours. */
export function native<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => Promise.reject(fromNative(error)));
}

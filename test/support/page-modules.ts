import { fileURLToPath, pathToFileURL } from "node:url";

const WEB = fileURLToPath(new URL("../../web/", import.meta.url));

/** Imports a module of the chat page, which are plain JavaScript: the caller says what it exports. */
export async function importPage<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(WEB + name).href)) as T;
}

/** @import { Conversation } from "./conversation.js" */
/**
 * @typedef {object} Store
 * @property {boolean} lasting               false: gone with the page
 * @property {() => Promise<Conversation[]>} all
 * @property {(conversation: Conversation) => Promise<void>} put
 * @property {(id: string) => Promise<void>} remove
 */

const DATABASE = "bitnet";
const TABLE = "conversations";

/** The browser's database; memory where the browser has none for this page. @returns {Promise<Store>} */
export async function openStore() {
  try {
    return storeIn(await openDatabase());
  } catch {
    return storeInMemory();
  }
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "id" });
  return settled(request);
}

/** @param {IDBDatabase} database @returns {Store} */
function storeIn(database) {
  const table = (/** @type {IDBTransactionMode} */ mode) => {
    return database.transaction(TABLE, mode).objectStore(TABLE);
  };
  return {
    lasting: true,
    all: () => settled(table("readonly").getAll()),
    put: (conversation) => written(table("readwrite").put(conversation)),
    remove: (id) => written(table("readwrite").delete(id)),
  };
}

/** @template Value @param {IDBRequest<Value>} request @returns {Promise<Value>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Waits for the whole transaction: a full disk may be noticed only then. @param {IDBRequest} request @returns {Promise<void>} */
function written({ transaction }) {
  return new Promise((resolve, reject) => {
    if (!transaction) return resolve();
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** @returns {Store} */
function storeInMemory() {
  /** @type {Map<string, Conversation>} */
  const known = new Map();
  return {
    lasting: false,
    all: async () => structuredClone([...known.values()]),
    put: async (conversation) => void known.set(conversation.id, structuredClone(conversation)),
    remove: async (id) => void known.delete(id),
  };
}

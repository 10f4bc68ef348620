import { expect, it } from "vitest";
import { suggest } from "../../../src/config/suggest.ts";

const WORDS = ["threads", "temperature", "topK", "topP", "model"];

it.each([
  ["thread", "threads"],
  ["temprature", "temperature"],
  ["tempearture", "temperature"],
  ["top_k", "topK"],
  ["MODEL", "model"],
  ["topk", "topK"],
])("%s > %s", (word, expected) => expect(suggest(word, WORDS)).toBe(expected));

it.each(["", "x", "zzzzzz", "speed"])("nothing is near to %j", (word) =>
  expect(suggest(word, WORDS)).toBeUndefined(),
);

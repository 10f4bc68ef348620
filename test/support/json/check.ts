import { Compile } from "typebox/schema";
import { DOCUMENTS, type DocumentName } from "./documents.ts";

/** What of a printed document its schema does not say, or says otherwise; empty when all is well. */
export function problemsOf(name: DocumentName, value: unknown): readonly string[] {
  const [fits, errors] = Compile({ ...DOCUMENTS[name].schema }).Errors(value);
  if (fits) return [];
  const found = errors.map(({ instancePath, message, params }) => {
    return `${name}${instancePath}: ${message} ${JSON.stringify(params)}`;
  });
  return found.length > 0 ? found : [`${name}: does not fit`];
}

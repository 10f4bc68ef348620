// Given to Node by --import: names each module on standard error as it is loaded.
import { register } from "node:module";

const hooks = `
  import { writeSync } from "node:fs";
  export function load(url, context, next) {
    writeSync(2, "module " + url + "\\n");
    return next(url, context);
  }
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

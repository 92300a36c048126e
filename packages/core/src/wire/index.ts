export { type ExactJson, parseJson, stringifyJson } from "./json.ts";
export { pointerOf } from "./pointer.ts";
export { type WireSchema, int64, issuesOf, parseWire } from "./schema.ts";

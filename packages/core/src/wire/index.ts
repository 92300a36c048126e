export { type ExactJson, parseJson, stringifyJson } from "./json.ts";
export { type WireSchema, int64, issuesOf, parseWire, pointerOf } from "./schema.ts";

export { shortened } from "./bounds.ts";
export { type ExactJson, parseJson, stringifyJson } from "./json.ts";
export { lenient, lenientPartial } from "./lenient.ts";
export { pointerOf } from "./pointer.ts";
export { type ParsedWire, type WireIssue, type WireReader, issuesOf, parseWire, writeWire } from "./schema.ts";
export type { Shape } from "./shape.ts";

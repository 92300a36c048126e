// What verifiers need of core, by the files that have it: a command that verifies a thousand events would else spend half
// of its time on loading the kernel and HTTP. No promise of stability, in no version.
export { formatDecimal } from "./amount/decimal.ts";
export { StrictJsonError } from "./audit/strict-json-error.ts";
export { type JsonObject, type JsonValue, parseStrictJson } from "./audit/strict-json.ts";
export { ConfigurationError, ValidationError } from "./errors/local-errors.ts";
export { ImprestError } from "./errors/imprest-error.ts";
export { refuseUnknownOptions, wholeOption } from "./http/endpoint.ts";
export { systemClock } from "./platform/clock.ts";
export { base64url, hex, parseBase64url, parseHex, utf8 } from "./platform/encoding.ts";
export { issuesOf } from "./wire/schema.ts";

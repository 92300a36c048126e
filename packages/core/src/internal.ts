// What the sibling packages need and users do not: no promise of stability, in no version.
export {
  assertAmount,
  divideRoundingUp,
  formatDecimal,
  int64Max,
  int64Min,
  isInt64,
  parseDecimal,
} from "./amount/index.ts";
export { type SubjectLevel, authorityOf, subjectLevels } from "./authority/index.ts";
export { type ErrorOptionsWithCause } from "./errors/index.ts";
export {
  type ResolvedApiKey,
  isBrowser,
  isLoopback,
  normaliseBaseUrl,
  parseRetryAfter,
  readText,
  refuseBrowserCredentials,
  refuseUnknownOptions,
  resolveApiKey,
  send,
  sendRead,
  wholeOption,
} from "./http/index.ts";
export { Emitter, outgoingTraceparent } from "./observe/index.ts";
export {
  type Deferred,
  Secret,
  abortedError,
  base64url,
  createDeferred,
  hex,
  onAbort,
  parseBase64url,
  parseHex,
  plainBytes,
  raceAbort,
  randomHex,
  sleep,
  systemRandom,
  utf8,
  webCrypto,
} from "./platform/index.ts";
export { decodeRecordKey, encodeRecordKey } from "./records/index.ts";
export { Patience, exportReservation, openOwnReservation } from "./reservation/index.ts";
export {
  instructionKey,
  instructionPrefix,
  outboxOf,
  readInstruction,
  shareOutbox,
  type WaitingSettlement,
  waitingOf,
  writeInstruction,
} from "./settlement/index.ts";
export {
  type ExactJson,
  type Shape,
  type WireReader,
  issuesOf,
  lenient,
  lenientPartial,
  parseJson,
  parseWire,
  pointerOf,
  shortened,
  stringifyJson,
  writeWire,
} from "./wire/index.ts";

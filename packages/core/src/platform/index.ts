export { type Clock, type Timer, systemClock } from "./clock.ts";
export { type RandomBytes, randomHex, systemRandom } from "./random.ts";
export { base64url, hex, parseBase64url, parseHex, utf8 } from "./encoding.ts";
export { Secret } from "./secret.ts";
export { type Deferred, abortedError, createDeferred, onAbort, raceAbort, sleep } from "./async.ts";
export { plainBytes, webCrypto } from "./web-crypto.ts";

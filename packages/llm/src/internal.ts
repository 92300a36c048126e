// What adapters of hosts need and users do not: no promise of stability, in no version.
export { type AdaptedCall, type HostAnswer } from "./adapter/adapted-call.ts";
export { type HostCall, HostCalls, type ModelBudget } from "./adapter/host-calls.ts";
export { seenTokens } from "./fetch/seen-text.ts";

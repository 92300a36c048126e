export { ActionKindRegistry, type ActionKindRegistryOptions } from "./action-kinds.ts";
export { type EventOf, eventOf, isKnownEventType } from "./event-of.ts";
export { CyclesGovernanceClient, type CyclesGovernanceOptions, type Role } from "./governance-client.ts";

export type { DeadLetter, DeadLetterKind, DeadLetters } from "./dead-letters.ts";
export type { OnOutcome } from "./delivery.ts";
export { instructionKey, instructionPrefix, readInstruction, writeInstruction } from "./instruction.ts";
export { outboxOf, shareOutbox } from "./outbox.ts";
export { type WaitingSettlement, waitingOf } from "./waiting.ts";
export { type Recovery, type SettlementQueue, settlementQueue } from "./settlement-queue.ts";

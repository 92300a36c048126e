/** A fault that this library once had, put back by replacing a piece of its source as it is loaded. */
export interface PlantedFault {
  readonly name: string;
  /** The part of the simulator that searches for it. */
  readonly part: string;
  /** Below `packages/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: "a malformed metric keeps a spend out of the books",
    part: "cycles",
    file: "core/src/reservation/reservation-handle.ts",
    find: "    this.tracker.set(total);\n    if (metrics === undefined",
    replace:
      "    if (metrics && !Number.isSafeInteger(metrics.latencyMs ?? 0)) throw new Error('malformed');\n" +
      "    this.tracker.set(total);\n    if (metrics === undefined",
  },
  {
    name: "a spend that is stated after a release is lost",
    part: "cycles",
    file: "core/src/reservation/reservation-handle.ts",
    find: "    if (isMore || stated === undefined) this.#destination.late(known);\n",
    replace: "",
  },
  {
    name: "a figure so far is taken as the actual one",
    part: "cycles",
    file: "core/src/reservation/with-reservation.ts",
    find: `status === "known" && figure === "total" && tracker.own`,
    replace: `status === "known" && tracker.own`,
  },
  {
    name: "an adopted reservation settles under a key of its own",
    part: "cycles",
    file: "core/src/reservation/adopt.ts",
    find: `authorityDestination(authority, grant, idempotencyKey, traceparent, "not-here")`,
    replace: `authorityDestination(authority, grant, idempotencyKey + Math.random(), traceparent, "not-here")`,
  },
  {
    name: "a second copy of the library has an outbox of its own",
    part: "cycles",
    file: "core/src/settlement/outbox.ts",
    find: "  const outbox = new Outbox(authority);\n  Object.defineProperty(authority, member, { value: outbox });\n  return outbox;",
    replace: "  return new Outbox(authority);",
  },
  {
    name: "a settlement is sent before it is recorded",
    part: "cycles",
    file: "core/src/settlement/outbox.ts",
    find: "    if (this.isRecording) delivery.recorded = this.#recordWith(delivery, () => this.stored.record(delivery));",
    replace: "    if (this.isRecording) void this.#recordWith(delivery, () => this.stored.record(delivery));",
  },
  {
    name: "a refused settlement is sent again though its letter stands",
    part: "cycles",
    file: "core/src/settlement/settlement-queue.ts",
    find: "await isBuried(outbox.records, this.#authority, instruction)",
    replace: "false",
  },
];

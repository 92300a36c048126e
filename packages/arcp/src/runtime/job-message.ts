import { stringifyJson } from "@imprest/core/internal";
import type { TerminalStatus } from "@imprest/core/models/arcp";
import { costsExtension } from "../lease/costs-extension.ts";
import { formatMoney } from "../lease/money.ts";
import type { OutgoingPayload } from "./dialects/dialect.ts";
import type { JobMessage } from "./job-history.ts";
import type { RuntimeSettings } from "./options.ts";

/** How a job ended, as its last message says. */
export interface JobOutcome {
  readonly type: "job.result" | "job.error";
  readonly status: TerminalStatus;
  readonly payload: OutgoingPayload;
}

/** How a message of a job is passed on. */
export type Delivery = Omit<JobMessage, "type" | "text" | "redactedText"> & {
  /** What other principals get instead. */
  readonly redacted?: OutgoingPayload | undefined;
};

/** The end of a job whose process ended before it did: how far it had come, and what it spent last, nobody knows. */
export const interrupted: JobOutcome = {
  type: "job.error",
  status: "error",
  payload: {
    final_status: "error",
    code: "RUNTIME_RESTARTED",
    message: "The runtime was restarted while the job ran; submit it again under a new key.",
    retryable: true,
  },
};

/** Writes a message of a job once, in the runtime's dialect, for everyone who gets it. */
export function writeMessage(
  { dialect, clock }: RuntimeSettings,
  type: string,
  payload: OutgoingPayload,
  { redacted, ...delivery }: Delivery = {},
): JobMessage {
  const shape = (value: OutgoingPayload): readonly [string, OutgoingPayload] =>
    dialect.shape?.(type, value, clock.now()) ?? [type, value];
  const [shapedType, shaped] = shape(payload);
  return {
    ...delivery,
    type: shapedType,
    text: stringifyPayload(shaped),
    redactedText: redacted === undefined ? undefined : stringifyPayload(shape(redacted)[1]),
  };
}

/** An end says what was spent: whoever missed events on the way has the whole all the same. */
export function writeEnd(
  settings: RuntimeSettings,
  { type, payload }: JobOutcome,
  { spent, endedAtMs }: { readonly spent: ReadonlyMap<string, bigint>; readonly endedAtMs: number },
): JobMessage {
  const { statesCompletion } = settings.dialect;
  const completed = statesCompletion ? { completed_at: new Date(endedAtMs).toISOString() } : {};
  const message = writeMessage(settings, type, { ...payload, ...completed });
  if (!settings.dialect.statesCosts || payload["code"] === interrupted.payload["code"]) return message;
  const costs = Object.fromEntries([...spent].map(([currency, units]) => [currency, formatMoney(units)]));
  return { ...message, extensions: stringifyJson({ [costsExtension]: costs }) };
}

/** The native writer is the fast one; only bigints need the exact one. */
export function stringifyPayload(payload: unknown): string {
  try {
    return JSON.stringify(payload);
  } catch {
    return stringifyJson(payload);
  }
}

import { jsonObject, nonEmpty, text, texts } from "../../wire/leaves.ts";
import { type Shape, converted, object, optional, record, union } from "../../wire/shape.ts";

/** What a job may do: patterns by namespace (ARCP §9.1, §9.2). `cost.budget` holds amounts such as `"USD:5.00"`. */
export type WireLease = Readonly<Record<string, readonly string[]>>;

/** Bounds on the whole lease (ARCP §9.5). */
export interface LeaseConstraints {
  /** ISO 8601, UTC with `Z`, in the future when the job is submitted. */
  readonly expires_at?: string | undefined;
}

/** Counters by currency. Runtimes write `{USD: 5}` or `{USD: "USD:5.00"}`. */
export type WireBudget = Readonly<Record<string, number | bigint | string>>;

/** A key to an upstream service that is as narrow as the job's lease (ARCP §9.8.1). `value` is a secret. */
export interface WireCredential {
  readonly id: string;
  /** `"bearer"`, or another that a client ignores when it does not know it. */
  readonly scheme: string;
  readonly value: string;
  /** The only base URL at which `value` may be presented. */
  readonly endpoint: string;
  readonly profile?: string | undefined;
  /** What the upstream enforces; nothing follows from what is absent. */
  readonly constraints?: Readonly<Record<string, unknown>> | undefined;
}

export const wireLease: Shape<WireLease> = record(text, texts);

export const leaseConstraints: Shape<LeaseConstraints> = object({ expires_at: optional(text) });

/** A number as exact JSON has it: a bigint for a whole one that no double holds. */
export const amount: Shape<number | bigint> = converted(
  (value) => (isAmount(value) ? value : undefined),
  "must be a number",
  { type: "number" },
);

function isAmount(value: unknown): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value));
}

export const wireBudget: Shape<WireBudget> = record(text, union([amount, text], "must be a number, or text"));

export const wireCredential: Shape<WireCredential> = object({
  id: nonEmpty,
  scheme: text,
  value: nonEmpty,
  endpoint: nonEmpty,
  profile: optional(text),
  constraints: optional(jsonObject),
});

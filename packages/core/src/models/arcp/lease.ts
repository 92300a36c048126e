import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";

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

export const leaseSchema: WireSchema<WireLease> = z.record(z.string(), z.array(z.string()));

export const leaseConstraintsSchema: WireSchema<LeaseConstraints> = z.looseObject({
  expires_at: z.optional(z.string()),
});

export const budgetSchema: WireSchema<WireBudget> = z.record(z.string(), z.union([z.number(), z.bigint(), z.string()]));

export const credentialSchema: WireSchema<WireCredential> = z.looseObject({
  id: z.string(),
  scheme: z.string(),
  value: z.string(),
  endpoint: z.string(),
  profile: z.optional(z.string()),
  constraints: z.optional(z.record(z.string(), z.unknown())),
});

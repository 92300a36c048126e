import type { Action, Amount, Subject } from "@imprest/core";
import type { Books, BudgetStatus } from "./budget.ts";
import type { Caps } from "./caps.ts";
import type { ChargePolicy } from "./overage-policy.ts";
import type { DenialDetail } from "./denial-detail.ts";
import type { Counted } from "./quota-counters.ts";
import type { DecideRequest } from "./requests.ts";

/** How a budget changed. */
export type BudgetChange = "created" | "funded" | "resized" | "debtRepaid" | "frozen" | "unfrozen" | "closed";

/** Where a fact belongs. */
interface AtScope {
  readonly tenant: string;
  /** A scope path. */
  readonly scope: string;
}

interface InUnit extends AtScope {
  readonly unit: string;
}

/** A request that was denied, or only watched. */
interface Asked extends AtScope {
  readonly estimate: Amount;
  readonly action: DecideRequest["action"];
  readonly subject: Subject;
}

interface Crossed extends InUnit {
  /** A share of the allocation: 0.8 is 80 %. */
  readonly threshold: number;
  readonly direction: "rising" | "falling";
  readonly books: Books;
}

/** One reservation. */
interface Held extends InUnit {
  readonly reservationId: string;
  readonly reserved: bigint;
  readonly action: Action;
  readonly subject: Subject;
}

interface Overspent extends InUnit {
  readonly reservationId: string;
  readonly overagePolicy: ChargePolicy;
}

/** A reservation that was committed or released by a request. */
export type Settled =
  | (Held & {
      readonly kind: "committed";
      readonly charged: bigint;
      readonly released: bigint;
      readonly idempotencyKey: string;
    })
  | (Held & { readonly kind: "released"; readonly reason?: string | undefined; readonly idempotencyKey: string });

/** How money moves where nothing is out of the ordinary: there are one or two of these for every reservation. */
export type Movement =
  | (Held & { readonly kind: "reserved"; readonly expiresAtMs: number; readonly caps?: Caps | undefined })
  | (Held & { readonly kind: "extended"; readonly expiresAtMs: number })
  | Settled
  /** A spend that no reservation covers. */
  | (InUnit & {
      readonly kind: "recorded";
      readonly eventId: string;
      readonly charged: bigint;
      readonly action: Action;
      readonly subject: Subject;
    });

/** What happens in a ledger, in no protocol's words. */
export type Fact =
  | Movement
  | { readonly kind: "tenantCreated"; readonly tenant: string }
  /** `closeId` ties together everything that closed in one step. */
  | { readonly kind: "tenantClosed"; readonly tenant: string; readonly closeId: string }
  | (InUnit & { readonly kind: "releasedWithTenant"; readonly released: bigint; readonly closeId: string })
  | (InUnit & { readonly kind: "closedWithTenant"; readonly previous: BudgetStatus; readonly closeId: string })
  | (InUnit & {
      readonly kind: "budgetChanged";
      readonly change: BudgetChange;
      /** Absent for a budget that is new. */
      readonly before?: Books | undefined;
      readonly after: Books;
    })
  /** A period ended; the books are those at its end, and those that the new one begins with. */
  | (InUnit & {
      readonly kind: "periodBegan";
      readonly startsAtMs: number;
      readonly endsAtMs: number;
      readonly before: Books;
      readonly after: Books;
    })
  | (Crossed & { readonly kind: "thresholdCrossed" })
  | (Crossed & { readonly kind: "exhausted" })
  | (InUnit & {
      readonly kind: "overLimitChanged";
      readonly debt: bigint;
      readonly overdraftLimit: bigint;
      readonly isOverLimit: boolean;
    })
  | (Asked & { readonly kind: "denied"; readonly detail: DenialDetail })
  | (Asked & { readonly kind: "observedDenied"; readonly detail: DenialDetail })
  | (Asked & {
      readonly kind: "observedAllowed";
      readonly decision: "ALLOW" | "ALLOW_WITH_CAPS";
      readonly caps?: Caps | undefined;
    })
  | (Held & {
      readonly kind: "expired";
      readonly createdAtMs: number;
      readonly expiresAtMs: number;
      /** How often the lease was extended. */
      readonly extensions: number;
    })
  /** A commit beyond what was reserved. */
  | (Overspent & {
      readonly kind: "overcommitted";
      readonly reserved: bigint;
      readonly actual: bigint;
      /** The most debt that it made of any budget. */
      readonly debtIncurred: bigint;
    })
  | (Overspent & {
      readonly kind: "debtIncurred";
      readonly debtIncurred: bigint;
      /** The whole debt of the budget since. */
      readonly debt: bigint;
      readonly overdraftLimit: bigint;
    })
  | (Counted & { readonly kind: "quotaApproaching"; readonly used: number; readonly threshold: number })
  | (Counted & {
      readonly kind: "quotaReset";
      readonly previousUsed: number;
      readonly actorId: string;
      readonly reason?: string | undefined;
    });

/** Who acts. */
export type Actor =
  | { readonly role: "admin" | "system" }
  | {
      readonly role: "apiKey";
      readonly keyId: string;
    };

/** The request that what happens now is a consequence of. */
export interface Cause {
  readonly requestId: string;
  readonly traceId: string;
  /** Two hex digits, where the request came with a `traceparent`. */
  readonly traceFlags?: string | undefined;
  readonly actor: Actor;
}

/** When something happens, and because of what. */
export interface Moment {
  readonly atMs: number;
  /** Absent for what time alone brings about. */
  readonly cause: Cause | undefined;
}

/** Called with what happened, and when and because of what. */
export type FactListener = (fact: Fact, moment: Moment) => void;

const movements: ReadonlySet<Fact["kind"]> = new Set<Movement["kind"]>([
  "reserved",
  "extended",
  "committed",
  "released",
  "recorded",
]);

export function isMovement(fact: Fact): fact is Movement {
  return movements.has(fact.kind);
}

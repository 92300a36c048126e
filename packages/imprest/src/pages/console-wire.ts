/*
 * What the console's page reads of the process that serves it. Whole numbers of money are decimal text, so that an int64
 * survives JSON; times are milliseconds since 1970; what is not known is absent, never guessed.
 */

/** An amount: a whole number as decimal text, such as `"-12"`, of its unit. */
export interface Money {
  readonly amount: string;
  readonly unit: string;
}

/** `GET api/state`: what this console looks at. */
export interface ConsoleState {
  readonly authority: {
    /** `embedded`: the ledger of this very process. `cycles`: a server elsewhere. */
    readonly kind: "embedded" | "cycles";
    /** What a person calls it: a ledger's file, a server's address. */
    readonly target: string;
  };
  /** `pushed`: an event is seen as it happens. `polled`: a second or more later, and what came and went between is not. */
  readonly live: "pushed" | "polled";
  /** The clock of the process: times are shown relative to it. */
  readonly nowMs: number;
  /** Whether record stores were given, so that there can be anything to wait for. */
  readonly waiting: boolean;
  /** Whether the authority reports denials: some servers do not to this caller, and then an empty list means nothing. */
  readonly denials: boolean;
  /** Whether the last look at the authority succeeded. */
  readonly upstream: Upstream;
}

/** The event `upstream`: the authority cannot be reached, or can again. */
export interface Upstream {
  readonly ok: boolean;
  /** Why not, for a person. */
  readonly message?: string;
  /** When it was last reached, where it ever was. */
  readonly lastOkAtMs?: number;
}

/** Spent, reserved and debt are not negative; remaining is allocated less all three, and can be. */
export interface BudgetRow {
  /** Stands for the budget in requests and events of this console; opaque. */
  readonly id: string;
  readonly tenant: string;
  /** A path, such as `tenant:acme/agent:writer`. */
  readonly scope: string;
  readonly unit: string;
  readonly allocated: string;
  readonly spent: string;
  readonly reserved: string;
  readonly debt: string;
  readonly remaining: string;
  readonly overdraftLimit?: string;
  /** `ACTIVE`, `FROZEN`, `CLOSED`, or a server's own word; absent where the server does not say. */
  readonly status?: string;
  readonly isOverLimit: boolean;
  readonly period?: { readonly startsAtMs: number; readonly endsAtMs: number };
  /**
   * When nothing remains at the rate of the last ten minutes. Absent where nothing was spent in them, where they saw too
   * little to have a rate, where nothing remains already, or where the period ends sooner.
   */
  readonly exhaustsAtMs?: number;
}

/** `GET api/budgets`: sorted by what runs out first. The event `budgets` has the rows that changed, in any order. */
export interface BudgetList {
  readonly rows: readonly BudgetRow[];
  /** There are more than the console shows. */
  readonly isCut: boolean;
}

/** `GET api/burn?id=…&span=hour|day`: what a budget had spent in its period, at times. */
export interface Burn {
  readonly id: string;
  readonly span: "hour" | "day";
  readonly unit: string;
  /** Ascending by time: `[atMs, spent]`. A fall is a new period or a correction. */
  readonly points: readonly (readonly [atMs: number, spent: string])[];
}

/** What happened; `recorded` is a spend that no reservation covers. */
export type ActivityKind = "reserved" | "extended" | "committed" | "released" | "expired" | "recorded" | "denied";

/** One thing that happened. The event `activity` has some, ascending by number. */
export interface Activity {
  /** Ascending and never reused while the process runs. */
  readonly number: number;
  readonly atMs: number;
  readonly kind: ActivityKind;
  readonly tenant: string;
  /** The most specific scope that it concerns, a path. */
  readonly scope: string;
  readonly agent?: string;
  /** Absent where the authority does not say. The name of a model call is the model's. */
  readonly action?: { readonly kind: string; readonly name: string };
  readonly reservationId?: string;
  /** What was asked: of a denial, the estimate. */
  readonly estimate?: Money;
  /** What is held by the reservation, or was. */
  readonly reserved?: Money;
  /** What a commit or a recorded spend charged. */
  readonly charged?: Money;
  /** Until when the reservation holds. */
  readonly expiresAtMs?: number;
  /** The caps that came with the grant, by name. */
  readonly caps?: Readonly<Record<string, unknown>>;
  /** Of a denial: a code such as `BUDGET_EXCEEDED`. */
  readonly reason?: string;
  readonly blockedBy?: { readonly scope?: string; readonly policy?: string };
  /** Of a denial: what was left at the scope that denied, in the unit of the estimate. */
  readonly remaining?: string;
  readonly suggestedFix?: string;
  readonly traceId?: string;
}

/** `GET api/activities`: what the console remembers, ascending by number. */
export interface ActivityList {
  readonly activities: readonly Activity[];
  /** Earlier ones have been forgotten. */
  readonly isCut: boolean;
}

/** `GET api/reservations/ID`: one reservation's life; 404 for one that neither the authority nor the console knows. */
export interface ReservationLife {
  readonly reservationId: string;
  /** `ACTIVE`, `COMMITTED`, `RELEASED`, `EXPIRED`, or a server's own word; absent where the authority no longer knows it. */
  readonly status?: string;
  readonly tenant?: string;
  readonly scope?: string;
  readonly agent?: string;
  readonly action?: { readonly kind: string; readonly name: string };
  readonly reserved?: Money;
  readonly charged?: Money;
  readonly createdAtMs?: number;
  readonly expiresAtMs?: number;
  readonly settledAtMs?: number;
  /** What the console saw of it, ascending. */
  readonly activities: readonly Activity[];
  /** The budgets that it counts against, most specific first. */
  readonly budgets: readonly BudgetRow[];
  readonly traceIds: readonly string[];
  readonly evidence: readonly string[];
}

/** A settlement that the authority has not answered yet, or for which nothing more is sent. */
export interface WaitingRow {
  readonly state: "pending" | "dead-letter";
  readonly key: string;
  readonly protocol: string;
  /** The authority that it is for. */
  readonly target: string;
  /** The store that holds it: a file's path. */
  readonly store: string;
  readonly reservationId?: string;
  readonly amount?: Money;
  readonly sinceMs: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/** `GET api/waiting`, and the event `waiting`. */
export interface WaitingList {
  readonly rows: readonly WaitingRow[];
  readonly isCut: boolean;
  /** Stores that could not be read, and why. */
  readonly failures: readonly { readonly store: string; readonly message: string }[];
}

/**
 * `GET api/live`, `text/event-stream`: each event by its name, with its data as one line of JSON. The id of an event is the
 * number of the latest activity; a browser that reconnects sends the last one, and gets what it missed. `gap`: some of it is
 * forgotten; load again. A stream that is read too slowly is broken off, and is resumed in the same way.
 */
export interface LiveEvents {
  readonly budgets: readonly BudgetRow[];
  readonly activity: readonly Activity[];
  readonly waiting: WaitingList;
  readonly upstream: Upstream;
  readonly gap: Readonly<Record<string, never>>;
}

import type { Disposition } from "@imprest/core/audit";

// What the page and its worker say to each other. Everything here is bounded: the page never holds the feed.

/** Where the bytes are: a file that was dropped, or one that `imprest verify --open` serves. */
export type FeedRef =
  | { readonly kind: "file"; readonly file: File }
  | { readonly kind: "served"; readonly url: string; readonly name: string; readonly size: number };

/** What the lines of a file are. */
export type Form = "asp" | "evidence" | "receipt";

/** What a first look shows, before anybody is trusted. */
export interface Inspection {
  readonly name: string;
  readonly size: number;
  readonly gzip: boolean;
  /** Absent where the beginning shows none of the three. */
  readonly form: Form | undefined;
  /** Who the statements say they are from: a claim, for the reader to confirm. */
  readonly issuers: readonly string[];
}

/** Keys as they were given: the text of a JWK Set, or of one JWK. */
export interface GivenKeys {
  /** ASP: an origin. Evidence and receipts: the server_id. */
  readonly issuer: string;
  /** Of the file, or "pasted". */
  readonly name: string;
  readonly text: string;
}

export interface Verification {
  readonly feed: FeedRef;
  readonly form: Form;
  /** Issuers that are trusted, with keys or without. */
  readonly issuers: readonly string[];
  readonly keys: readonly GivenKeys[];
  /** `http:` origins of this machine are trusted too, as with `--allow-loopback`. */
  readonly allowLoopbackHttp: boolean;
  /** Keys that a thief may hold, by the hex of their 32 bytes, and since when in epoch milliseconds. */
  readonly notAfterMs?: Readonly<Record<string, number>> | undefined;
  /** The text of a file of promised events, one a line. */
  readonly promised?: string | undefined;
  readonly order: "feed" | "any";
  readonly graceWindowMs?: number | undefined;
  readonly expected?: { readonly source?: string | undefined; readonly budgetId?: string | undefined } | undefined;
}

export interface Progress {
  readonly lines: number;
  readonly bytes: number;
  readonly accepted: number;
  readonly rejected: number;
}

/** Something found, cut to a length that a page can show. */
export interface ShownFinding {
  /** Absent for what the whole feed shows. */
  readonly line?: number | undefined;
  /** The decision, the reservation or the envelope that it is about. */
  readonly group?: string | undefined;
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly pointer?: string | undefined;
}

/** The sums of one budget and unit over authentic events, each counted once; decimal integers. */
export interface Sums {
  readonly source: string;
  readonly budget: string;
  readonly unit: string;
  readonly reserved: string;
  readonly overage: string;
  /** Committed after the capacity had been given back at the TTL. */
  readonly afterExpiry: string;
  readonly committed: string;
  readonly returned: string;
  readonly quarantined: string;
  readonly held: string;
  readonly refunded: string;
  /** reserved + overage + after expiry − committed − returned − quarantined − held: zero where the feed conserves. */
  readonly difference: string;
  readonly decisions: number;
  readonly denied: number;
}

export interface Summary {
  readonly form: Form;
  readonly lines: number;
  readonly bytes: number;
  readonly ms: number;
  readonly accepted: number;
  readonly warned: number;
  readonly dispositions: Readonly<Record<Disposition, number>>;
  /** Lines beyond what the list holds. */
  readonly unlisted: number;
  readonly findings: readonly ShownFinding[];
  readonly findingsLeftOut: number;
  readonly codes: readonly { readonly code: string; readonly severity: "error" | "warning"; readonly count: number }[];
  /** Lines that are statements of another form than the file's. */
  readonly strays: readonly { readonly form: Form; readonly count: number; readonly firstLine: number }[];
  /** Events of issuers that are not trusted. */
  readonly strangers: number;
  readonly sums: readonly Sums[];
  /** Events that could be counted in no budget: their reserve is not in the file, or beyond the bound. */
  readonly unsummed: number;
  readonly conclusion?: Conclusion | undefined;
}

/** What the auditor concludes on a feed of ASP events as a whole. */
export interface Conclusion {
  readonly events: number;
  readonly repeated: number;
  readonly decisions: number;
  readonly open: number;
  readonly unproven: readonly { readonly code: string; readonly message: string }[];
}

export type Filter = "all" | "rejected" | "warned";

export interface Row {
  readonly line: number;
  readonly disposition: Disposition;
  readonly accepted: boolean;
  readonly warned: boolean;
  /** `commit` of `org.agentspend.audit.commit`; the artifact type of evidence. */
  readonly kind: string;
  readonly atMs: number | undefined;
  readonly group: string | undefined;
  /** The first of its findings. */
  readonly code: string | undefined;
}

export interface RowPage {
  /** How many rows the filter leaves. */
  readonly total: number;
  readonly rows: readonly Row[];
}

export interface LineDetail {
  readonly row: Row;
  readonly text: string;
  /** Bytes of the line that are not in `text`. */
  readonly cut: number;
  readonly findings: readonly ShownFinding[];
}

/** The events of one decision, or the statements on one reservation, in the order of the file. */
export interface Life {
  readonly group: string;
  readonly lines: readonly LineDetail[];
  readonly leftOut: number;
}

/** What the worker does for the page. A call rejects with a sentence for the reader. */
export interface AuditDesk {
  inspect(feed: FeedRef): Promise<Inspection>;
  verify(verification: Verification): Promise<Summary>;
  /** Ends a verification or a report that is under way; its call rejects. */
  stop(): Promise<void>;
  /** Rows `from`, `from + 1`, … of what the filter leaves. */
  rows(filter: Filter, from: number, count: number): Promise<RowPage>;
  line(number: number): Promise<LineDetail | undefined>;
  /** @param id a decision or a reservation. */
  life(id: string): Promise<Life | undefined>;
  /** The report as the command writes it with `--format json`. */
  report(): Promise<Blob>;
}

export type Question = {
  [Name in keyof AuditDesk]: { readonly id: number; readonly name: Name; readonly given: Parameters<AuditDesk[Name]> };
}[keyof AuditDesk];

export type Answer =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "value"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly message: string };

import type { Amount } from "../amount/amount.ts";

/** Options of every call that leaves the process. */
export interface CallOptions {
  /** Ends the wait for an answer, not what the authority may be doing: the request may have arrived. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline of this one request, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** W3C `traceparent` to continue; a fresh trace is started without it. */
  readonly traceparent?: string | undefined;
}

/** The levels of a budget hierarchy, outermost first. */
export const subjectLevels = ["tenant", "workspace", "app", "workflow", "agent", "toolset"] as const;

/** A level of a budget hierarchy. */
export type SubjectLevel = (typeof subjectLevels)[number];

/** Who spends: the levels of a budget hierarchy, and free dimensions beside them. */
export interface Subject extends Readonly<Partial<Record<SubjectLevel, string | undefined>>> {
  readonly dimensions?: Readonly<Record<string, string>> | undefined;
}

/** What the money is for: `{ kind: "llm.completion", name: "gpt-5" }`. */
export interface Action {
  readonly kind: string;
  /** By default, `kind` on wires that require a name. */
  readonly name?: string | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** JSON that travels with a reservation or a settlement; bigints are written as plain integers. */
export type Metadata = Readonly<Record<string, unknown>>;

/** What only one protocol knows of a request, by protocol name. */
export type RequestExtensions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * What is asked of an authority before the work: how much at most, and for what.
 * @typeParam Extensions the terms of one protocol, as its package types them: `ReserveRequest<CyclesExtensions>`.
 */
export interface ReserveRequest<Extensions extends RequestExtensions = RequestExtensions> {
  readonly estimate: Amount;
  readonly action: Action;
  /** By default, what the authority was configured with. */
  readonly subject?: Subject | undefined;
  /** How long the reservation lives without an extension, in milliseconds. */
  readonly ttlMs?: number | undefined;
  readonly metadata?: Metadata | undefined;
  /** What only one protocol knows, by protocol name: `{ cycles: { overage_policy: "REJECT" } }`. */
  readonly extensions?: Extensions | undefined;
}

/** What a call asks for beyond its request, as far as an authority has a say in it. */
export interface CallTerms extends CallOptions {
  /**
   * Runs the body without a reservation when the authority cannot be reached (connection failure, timeout, 5xx), and
   * keeps what it spends as a dead letter. A denial and every other answer still stop the body.
   */
  readonly failOpen?: { readonly reason: string } | undefined;
}

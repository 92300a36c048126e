import { nonEmpty, number, text, texts, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, list, object, optional, union } from "../../wire/shape.ts";
import { type WireLease, wireLease } from "./lease.ts";

/** `session.hello`: the client's first frame (ARCP §6.2). */
export interface SessionHello {
  readonly client: { readonly name: string; readonly version: string; readonly [member: string]: unknown };
  readonly auth: { readonly scheme: string; readonly token: string };
  readonly capabilities?:
    | { readonly encodings?: readonly string[] | undefined; readonly features?: readonly string[] | undefined }
    | undefined;
  /** Continues a session after a dropped connection: the form that runtimes accept. */
  readonly resume?: ResumeRequest | undefined;
}

/** Where to go on: the member `resume` of `session.hello`, and the payload of `session.resume` (ARCP §6.3). */
export interface ResumeRequest {
  readonly session_id: string;
  readonly resume_token: string;
  readonly last_event_seq: number;
}

/** `session.resume` of ARCP §6.3, for runtimes that take it instead of `session.hello`. */
export interface SessionResume extends ResumeRequest {
  readonly auth?: SessionHello["auth"] | undefined;
}

/** One agent of the inventory. `versions` is empty for an agent without versions. */
export interface AgentEntry {
  readonly name: string;
  readonly versions: readonly string[];
  readonly default?: string | undefined;
}

/** `session.welcome` (ARCP §6.2). */
export interface SessionWelcome {
  readonly runtime: { readonly name: string; readonly version: string; readonly [member: string]: unknown };
  /** Good for one resume; every welcome brings a new one. A secret. */
  readonly resume_token: string;
  readonly resume_window_sec?: number | undefined;
  readonly heartbeat_interval_sec?: number | undefined;
  readonly capabilities: {
    readonly encodings?: readonly string[] | undefined;
    readonly features?: readonly string[] | undefined;
    /** Objects, or bare names where versions are not negotiated. */
    readonly agents?: readonly (AgentEntry | string)[] | undefined;
  };
  /** Where a runtime repeats the envelope's. */
  readonly session_id?: string | undefined;
}

/** `session.close`, `session.closed` and `session.bye` (ARCP §6.7). */
export interface SessionClose {
  readonly reason?: string | undefined;
}

/** `session.ping` (ARCP §6.4). */
export interface SessionPing {
  readonly nonce: string;
  readonly sent_at: string;
}

/** `session.pong` (ARCP §6.4). */
export interface SessionPong {
  readonly ping_nonce: string;
  readonly received_at: string;
}

/** `session.ack` (ARCP §6.5). */
export interface SessionAck {
  readonly last_processed_seq: number;
}

/** Which jobs to list; all members narrow (ARCP §6.6). */
export interface JobFilter {
  readonly status?: readonly string[] | undefined;
  readonly agent?: string | undefined;
  readonly created_after?: string | undefined;
  readonly created_before?: string | undefined;
}

/** `session.list_jobs` (ARCP §6.6). */
export interface SessionListJobs {
  readonly filter?: JobFilter | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** One job of `session.jobs`. */
export interface JobEntry {
  readonly job_id: string;
  readonly agent: string;
  readonly status: string;
  readonly lease?: WireLease | undefined;
  readonly parent_job_id?: string | undefined;
  readonly created_at?: string | undefined;
  /** What one runtime calls `created_at`. */
  readonly submitted_at?: string | undefined;
  readonly trace_id?: string | undefined;
  readonly last_event_seq?: number | undefined;
}

/** `session.jobs` (ARCP §6.6). */
export interface SessionJobs {
  readonly request_id: string;
  readonly jobs: readonly JobEntry[];
  readonly next_cursor?: string | undefined;
}

const auth = object({ scheme: text, token: nonEmpty });
const peer = object({ name: text, version: text });
const resumePoint = { session_id: text, resume_token: text, last_event_seq: wholeNumber(0) } as const;

export const resumeRequest: Shape<ResumeRequest> = object(resumePoint);

export const sessionHello: Shape<SessionHello> = object({
  client: peer,
  auth,
  capabilities: optional(object({ encodings: optional(texts), features: optional(texts) })),
  resume: optional(resumeRequest),
});

export const sessionResume: Shape<SessionResume> = object({ ...resumePoint, auth: optional(auth) });

export const agentEntry: Shape<AgentEntry> = object({ name: nonEmpty, versions: texts, default: optional(text) });

export const sessionWelcome: Shape<SessionWelcome> = object({
  runtime: peer,
  resume_token: text,
  resume_window_sec: optional(number(0)),
  heartbeat_interval_sec: optional(number(0)),
  capabilities: object({
    encodings: optional(texts),
    features: optional(texts),
    agents: optional(list(union([agentEntry, text], "must be an agent, or its name"))),
  }),
  session_id: optional(text),
});

export const sessionClose: Shape<SessionClose> = object({ reason: optional(text) });

export const sessionPing: Shape<SessionPing> = object({ nonce: text, sent_at: text });

export const sessionPong: Shape<SessionPong> = object({ ping_nonce: text, received_at: text });

export const sessionAck: Shape<SessionAck> = object({ last_processed_seq: wholeNumber(0) });

export const jobFilter: Shape<JobFilter> = object({
  status: optional(texts),
  agent: optional(text),
  created_after: optional(text),
  created_before: optional(text),
});

export const sessionListJobs: Shape<SessionListJobs> = object({
  filter: optional(jobFilter),
  limit: optional(wholeNumber(1)),
  cursor: optional(text),
});

export const jobEntry: Shape<JobEntry> = object({
  job_id: nonEmpty,
  agent: text,
  status: text,
  lease: optional(wireLease),
  parent_job_id: optional(text),
  created_at: optional(text),
  submitted_at: optional(text),
  trace_id: optional(text),
  last_event_seq: optional(wholeNumber(0)),
});

export const sessionJobs: Shape<SessionJobs> = object({
  request_id: text,
  jobs: list(jobEntry),
  next_cursor: optional(text),
});

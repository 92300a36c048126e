import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { type WireLease, leaseSchema } from "./lease.ts";

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
  readonly cursor?: string | null | undefined;
}

/** One job of `session.jobs`. */
export interface JobEntry {
  readonly job_id: string;
  readonly agent: string;
  readonly status: string;
  readonly lease?: WireLease | undefined;
  readonly parent_job_id?: string | null | undefined;
  readonly created_at?: string | undefined;
  /** What one runtime calls `created_at`. */
  readonly submitted_at?: string | undefined;
  readonly trace_id?: string | null | undefined;
  readonly last_event_seq?: number | undefined;
}

/** `session.jobs` (ARCP §6.6). */
export interface SessionJobs {
  readonly request_id: string;
  readonly jobs: readonly JobEntry[];
  readonly next_cursor?: string | null | undefined;
}

const auth = z.looseObject({ scheme: z.string(), token: z.string().check(z.minLength(1)) });
const peer = z.looseObject({ name: z.string(), version: z.string() });
const names = z.optional(z.array(z.string()));
const resume = {
  session_id: z.string(),
  resume_token: z.string(),
  last_event_seq: z.int().check(z.nonnegative()),
};

export const sessionHelloSchema: WireSchema<SessionHello> = z.looseObject({
  client: peer,
  auth,
  capabilities: z.optional(z.looseObject({ encodings: names, features: names })),
  resume: z.optional(z.looseObject(resume)),
});

export const sessionResumeSchema: WireSchema<SessionResume> = z.looseObject({ ...resume, auth: z.optional(auth) });

const agentEntry = z.looseObject({
  name: z.string(),
  versions: z.array(z.string()),
  default: z.optional(z.string()),
});

export const sessionWelcomeSchema: WireSchema<SessionWelcome> = z.looseObject({
  runtime: peer,
  resume_token: z.string(),
  resume_window_sec: z.optional(z.number()),
  heartbeat_interval_sec: z.optional(z.number()),
  capabilities: z.looseObject({
    encodings: names,
    features: names,
    agents: z.optional(z.array(z.union([agentEntry, z.string()]))),
  }),
  session_id: z.optional(z.string()),
});

export const sessionCloseSchema: WireSchema<SessionClose> = z.looseObject({ reason: z.optional(z.string()) });

export const sessionPingSchema: WireSchema<SessionPing> = z.looseObject({ nonce: z.string(), sent_at: z.string() });

export const sessionPongSchema: WireSchema<SessionPong> = z.looseObject({
  ping_nonce: z.string(),
  received_at: z.string(),
});

export const sessionAckSchema: WireSchema<SessionAck> = z.looseObject({
  last_processed_seq: z.int().check(z.nonnegative()),
});

export const sessionListJobsSchema: WireSchema<SessionListJobs> = z.looseObject({
  filter: z.optional(
    z.looseObject({
      status: names,
      agent: z.optional(z.string()),
      created_after: z.optional(z.string()),
      created_before: z.optional(z.string()),
    }),
  ),
  limit: z.optional(z.int().check(z.positive())),
  cursor: z.nullish(z.string()),
});

const jobEntry = z.looseObject({
  job_id: z.string(),
  agent: z.string(),
  status: z.string(),
  lease: z.optional(leaseSchema),
  parent_job_id: z.nullish(z.string()),
  created_at: z.optional(z.string()),
  submitted_at: z.optional(z.string()),
  trace_id: z.nullish(z.string()),
  last_event_seq: z.optional(z.number()),
});

export const sessionJobsSchema: WireSchema<SessionJobs> = z.looseObject({
  request_id: z.string(),
  jobs: z.array(jobEntry),
  next_cursor: z.nullish(z.string()),
});

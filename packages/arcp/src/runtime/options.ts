import {
  type Clock,
  ConfigurationError,
  type Logger,
  type RandomBytes,
  type RecordStore,
  silentLogger,
  systemClock,
} from "@imprest/core";
import { systemRandom } from "@imprest/core/internal";
import { moneyScale } from "../lease/money.ts";
import { dialectOf } from "./dialect.ts";
import type { Dialect, DialectName } from "./dialects/dialect.ts";
import { Identifiers } from "./identifiers.ts";
import type { JobStore } from "./job-store.ts";
import type { FetchFunction, FileAccess, JobSettlementOptions, ModelFunction, ToolFunction } from "./handlers.ts";
import type { CredentialProvisioner, UnrevocableCredential } from "./provisioner.ts";
import type { ClientName } from "./readings/reading.ts";
import { type UpstreamErrorMapper, upstreamCodeOf } from "./upstream-error.ts";

/** Says who a bearer token belongs to; `undefined` for nobody. A rejection counts as nobody. */
export type Authenticate = (token: string) => string | undefined | Promise<string | undefined>;

/** What a decision about observing is made from. */
export interface Observation {
  /** Who wants to look. */
  readonly principal: string;
  readonly jobId: string;
  readonly agent: string;
  /** Whose job it is. */
  readonly owner: string;
}

/** One `job.subscribe`, as the audit keeps it (ARCP §14). */
export interface SubscriptionAudit {
  /** Who wanted to look. */
  readonly principal: string;
  readonly jobId: string;
  /** Whose job it is, and of which agent; absent when there is no such job. */
  readonly owner?: string | undefined;
  readonly agent?: string | undefined;
  readonly allowed: boolean;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** Bounds on memory and time; each has a default that suits tests and one machine. */
export interface ArcpRuntimeLimits {
  /** How long a session waits for its client to come back, in milliseconds. Default 600,000. */
  readonly resumeWindowMs?: number | undefined;
  /** Default 30,000. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** Time for the first frame, in milliseconds. Default 10,000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** A session without jobs, subscriptions and requests is closed after this long. Default 1,800,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long a cancelled job may take to wind up, in milliseconds. Default 5,000. */
  readonly cancelGraceMs?: number | undefined;
  /** How long after its expiry a lease still counts; at most 5,000, default 0 (ARCP §14). */
  readonly expiryGraceMs?: number | undefined;
  /** How long a finished job can be listed, subscribed to and found by its key. Default 86,400,000. */
  readonly jobRetentionMs?: number | undefined;
  /** Finished jobs kept at most; the oldest go first. Default 1,000. */
  readonly maxFinishedJobs?: number | undefined;
  /** Characters that finished jobs keep of what they emitted, over all of them; the oldest lose theirs. Default 134,217,728. */
  readonly maxFinishedCharacters?: number | undefined;
  /** How long a credential provisioner may take, in milliseconds. Default 30,000. */
  readonly provisionTimeoutMs?: number | undefined;
  /** Frames a session keeps for its client, and their characters. Defaults 10,000 and 33,554,432. */
  readonly maxOutboxFrames?: number | undefined;
  readonly maxOutboxCharacters?: number | undefined;
  /** Events a job keeps for later subscribers, and their characters. Defaults 10,000 and 16,777,216. */
  readonly maxHistoryEvents?: number | undefined;
  readonly maxHistoryCharacters?: number | undefined;
  /** Unacknowledged events at which a `back_pressure` status is sent. Default 1,000. */
  readonly backPressureThreshold?: number | undefined;
  /** How long an agent waits for a client that acknowledges nothing, in milliseconds. Default 5,000. */
  readonly ackPatienceMs?: number | undefined;
  /** Characters of one incoming frame. Default 4,194,304. */
  readonly maxFrameCharacters?: number | undefined;
  /** Decoded bytes of one result chunk. Default 1,048,576 (ARCP §14). */
  readonly maxChunkBytes?: number | undefined;
  /** Decoded bytes of a chunked result. Default 268,435,456. */
  readonly maxResultBytes?: number | undefined;
  /** Characters of an inline result. Default 1,048,576. */
  readonly maxInlineResultCharacters?: number | undefined;
  /** Default 32. */
  readonly maxSessionsPerPrincipal?: number | undefined;
  /** Unfinished jobs of one session, delegated ones included. Default 100. */
  readonly maxJobsPerSession?: number | undefined;
  /** How deep delegation goes. Default 8. */
  readonly maxDelegationDepth?: number | undefined;
}

export interface ArcpRuntimeOptions extends ArcpRuntimeLimits {
  readonly authenticate: Authenticate;
  /** Shown in `session.welcome`. */
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  /** Habits of a reference runtime, for tests of clients; default `spec`. */
  readonly dialect?: DialectName | undefined;
  /**
   * Which library a client is made with, where its name in `session.hello` does not say; `undefined` leaves it to that name.
   * Counts for the dialect `spec` alone.
   */
  readonly clientOf?:
    | ((client: { readonly name: string; readonly version: string }) => ClientName | undefined)
    | undefined;
  /** What agents may call, by name; every call is checked against `tool.call`. */
  readonly tools?: Readonly<Record<string, ToolFunction>> | undefined;
  /** What `readFile` and `writeFile` of the agent's context work on. */
  readonly files?: FileAccess | undefined;
  /** What `fetch` of the agent's context sends with; the global `fetch` by default. */
  readonly fetch?: FetchFunction | undefined;
  /** What `useModel` of the agent's context calls. */
  readonly models?: ModelFunction | undefined;
  /** Without `model.use` in its lease a job may use no model. Default true (ARCP §9.7). */
  readonly requireModelUse?: boolean | undefined;
  /** Which code an upstream's error stands for; the default knows the common statuses and codes. */
  readonly upstreamError?: UpstreamErrorMapper | undefined;
  /** May this principal see that job? Asked only for other principals' jobs; without it the answer is no. */
  readonly mayObserve?: ((observation: Observation) => boolean | Promise<boolean>) | undefined;
  /** Receives every subscription decision. */
  readonly audit?: ((entry: SubscriptionAudit) => void) | undefined;
  /** Keys for upstream services; `records` must outlive the process, or revocation cannot be promised (ARCP §14). */
  readonly credentials?:
    | {
        readonly provisioner: CredentialProvisioner;
        readonly records: RecordStore;
        /** Told of each credential that could not be revoked. */
        readonly onUnrevocable?: ((credential: UnrevocableCredential) => void) | undefined;
      }
    | undefined;
  /** Reserves each job's budget with an authority of any protocol, and commits what the job cost. */
  readonly settlement?: JobSettlementOptions | undefined;
  /** What keeps jobs, keys and sessions over a restart; without it they end with the process. */
  readonly store?: JobStore | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  readonly logger?: Logger | undefined;
}

/** Every limit, filled in. */
type ResolvedLimits = { readonly [Name in keyof ArcpRuntimeLimits]-?: number };

/** The options with every default filled in. */
export interface RuntimeSettings extends ResolvedLimits {
  readonly options: ArcpRuntimeOptions;
  readonly dialect: Dialect;
  readonly dialectName: DialectName;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identifiers: Identifiers;
  readonly upstreamError: UpstreamErrorMapper;
}

const defaults = {
  resumeWindowMs: 600_000,
  heartbeatIntervalMs: 30_000,
  handshakeTimeoutMs: 10_000,
  idleTimeoutMs: 1_800_000,
  cancelGraceMs: 5_000,
  expiryGraceMs: 0,
  jobRetentionMs: 86_400_000,
  maxFinishedJobs: 1_000,
  maxFinishedCharacters: 134_217_728,
  provisionTimeoutMs: 30_000,
  maxOutboxFrames: 10_000,
  maxOutboxCharacters: 33_554_432,
  maxHistoryEvents: 10_000,
  maxHistoryCharacters: 16_777_216,
  backPressureThreshold: 1_000,
  ackPatienceMs: 5_000,
  maxFrameCharacters: 4_194_304,
  maxChunkBytes: 1_048_576,
  maxResultBytes: 268_435_456,
  maxInlineResultCharacters: 1_048_576,
  maxSessionsPerPrincipal: 32,
  maxJobsPerSession: 100,
  maxDelegationDepth: 8,
} satisfies ArcpRuntimeLimits;

const longestExpiryGraceMs = 5_000;
/** `heartbeat_interval_sec` counts seconds, and clients take less than one for one (ARCP §6.4). */
const shortestHeartbeatMs = 1_000;

/**
 * @throws ConfigurationError for a limit that is no non-negative integer, an expiry grace over 5,000 ms, or a heartbeat
 * interval under 1,000 ms.
 */
export function resolveSettings(options: ArcpRuntimeOptions): RuntimeSettings {
  const limits = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof typeof defaults)[]) {
    const value = options[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new ConfigurationError(`${name} is ${value}; give a whole number that is not negative.`);
    }
    limits[name] = value;
  }
  if (limits.expiryGraceMs > longestExpiryGraceMs) {
    throw new ConfigurationError(
      `expiryGraceMs is ${limits.expiryGraceMs}; a lease outlives its expiry by 5,000 ms at most.`,
    );
  }
  if (limits.heartbeatIntervalMs < shortestHeartbeatMs) {
    throw new ConfigurationError(
      `heartbeatIntervalMs is ${limits.heartbeatIntervalMs}; clients expect 1,000 ms at least.`,
    );
  }
  const scale = options.settlement?.unit.scale ?? 0;
  if (!Number.isSafeInteger(scale) || scale < 0 || scale > moneyScale) {
    throw new ConfigurationError(`settlement.unit.scale is ${scale}; give 0 to ${moneyScale} decimal places.`);
  }
  const clock = options.clock ?? systemClock;
  return {
    ...limits,
    options,
    dialect: dialectOf(options.dialect ?? "spec"),
    dialectName: options.dialect ?? "spec",
    clock,
    logger: options.logger ?? silentLogger,
    identifiers: new Identifiers(clock, options.random ?? systemRandom),
    upstreamError: options.upstreamError ?? upstreamCodeOf,
  };
}

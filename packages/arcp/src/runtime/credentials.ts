import { type RecordStore, type RecordValue, TimeoutError, type Timer } from "@imprest/core";
import { hex, Secret, utf8 } from "@imprest/core/internal";
import { settleWithin } from "../frame/deadline.ts";
import { arcpFailure, messageOf } from "./failure.ts";
import type { Job, JobCredential } from "./job.ts";
import type { RuntimeSettings } from "./options.ts";
import type {
  CredentialProvisioner,
  CredentialRequest,
  RevocationRequest,
  UnrevocableCredential,
} from "./provisioner.ts";

const grants = "arcp/credential-grant/";
const values = "arcp/credential-value/";
const mostAttempts = 10;
const firstRetryMs = 1_000;
const longestRetryMs = 300_000;

/** A grant as it is kept; never a value. */
interface GrantRecord {
  readonly jobId: string;
  /** Why it was given up; empty while it was not. */
  readonly unrevocable: string;
}

/** What a live job holds. */
interface Holding {
  readonly grants: Set<string>;
  readonly grantOf: Map<string, string>;
}

/** Issues, rotates and revokes credentials, and remembers across restarts what is still to revoke. */
export class CredentialDesk {
  readonly #settings: RuntimeSettings;
  readonly #provisioner: CredentialProvisioner;
  readonly #records: RecordStore;
  readonly #onUnrevocable: ((credential: UnrevocableCredential) => void) | undefined;
  readonly #holdings = new Map<Job, Holding>();
  readonly #retries = new Set<Timer>();
  #closed = false;

  constructor(settings: RuntimeSettings, options: NonNullable<RuntimeSettings["options"]["credentials"]>) {
    this.#settings = settings;
    this.#provisioner = options.provisioner;
    this.#records = options.records;
    this.#onUnrevocable = options.onUnrevocable;
  }

  /** Credentials for a job that is about to be accepted. @throws what the provisioner throws; nothing is left behind. */
  async issue(job: Job): Promise<void> {
    job.credentials = await this.#grant(job, undefined);
    void job.ended.then(() => this.#revokeAll(job));
  }

  /**
   * A new value under the same id; the old one is revoked (ARCP §9.8.2).
   * @throws ProtocolError INVALID_REQUEST for an id that the job does not hold; what the provisioner throws.
   */
  async rotate(job: Job, id: string): Promise<void> {
    const holding = this.#holdings.get(job);
    const before = holding?.grantOf.get(id);
    if (holding === undefined || before === undefined) {
      throw arcpFailure("INVALID_REQUEST", `The job holds no credential "${id}".`);
    }
    const [replacement] = await this.#grant(job, id);
    if (replacement === undefined) {
      throw arcpFailure("INTERNAL_ERROR", `The provisioner issued nothing in place of "${id}".`);
    }
    job.credentials = job.credentials.map((credential) => (credential.id === id ? replacement : credential));
    this.#tellRotation(job, id, replacement.value.reveal());
    if ([...holding.grantOf.values()].includes(before)) {
      await this.#revoke({ grantId: before, jobId: job.id, credentialId: id });
    } else {
      holding.grants.delete(before);
      await this.#revoke({ grantId: before, jobId: job.id });
    }
  }

  /** Goes on with revocations that an earlier process did not finish, and ends grants whose jobs died with it. */
  async recover(): Promise<void> {
    for await (const { key, value } of this.#records.scan(grants)) {
      const grantId = key.slice(grants.length);
      const record = value as unknown as GrantRecord;
      const isLive = [...this.#holdings.values()].some((holding) => holding.grants.has(grantId));
      if (!isLive && record.unrevocable === "") await this.#revoke({ grantId, jobId: record.jobId });
    }
  }

  /** What could not be revoked, for operators. */
  async unrevocable(): Promise<UnrevocableCredential[]> {
    const found: UnrevocableCredential[] = [];
    for await (const { key, value } of this.#records.scan(grants)) {
      const { jobId, unrevocable: error } = value as unknown as GrantRecord;
      if (error !== "") found.push({ grantId: key.slice(grants.length), jobId, error });
    }
    return found;
  }

  /** Stops retrying; what is open stays recorded for `recover`. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#retries) timer.clear();
  }

  async #grant(job: Job, replaces: string | undefined): Promise<JobCredential[]> {
    const grantId = this.#settings.identifiers.next("grant");
    await this.#records.create(grants + grantId, { jobId: job.id, unrevocable: "" } satisfies GrantRecord);
    const holding = this.#holdings.get(job) ?? { grants: new Set<string>(), grantOf: new Map<string, string>() };
    this.#holdings.set(job, holding);
    holding.grants.add(grantId);
    const { clock, provisionTimeoutMs } = this.#settings;
    const issuing = (async () => this.#provisioner.issue(this.#request(job, grantId, replaces)))();
    try {
      const issued = await settleWithin(issuing, { timeoutMs: provisionTimeoutMs }, clock, "The provisioner");
      for (const { value } of issued) await this.#refuseReuse(value, grantId);
      if (job.isTerminal) throw arcpFailure("CANCELLED", "The job ended before its credentials were issued.");
      const held = issued.map((credential) => ({
        ...credential,
        id: replaces ?? credential.id,
        value: new Secret(credential.value),
      }));
      for (const { id } of held) holding.grantOf.set(id, grantId);
      return held;
    } catch (error) {
      holding.grants.delete(grantId);
      void this.#revoke({ grantId, jobId: job.id });
      // Something may still come of it, and must be revoked then.
      if (TimeoutError.isInstance(error)) issuing.then(() => this.#revoke({ grantId, jobId: job.id })).catch(() => {});
      throw error;
    }
  }

  #request(job: Job, grantId: string, replaces: string | undefined): CredentialRequest {
    const { terms } = job;
    return {
      grantId,
      jobId: job.id,
      parentJobId: terms.parent?.id,
      principal: terms.principal,
      agent: terms.agent,
      lease: terms.lease,
      remaining: terms.budget.toWire() ?? {},
      expiresAt: terms.expiresAt,
      replaces,
      signal: job.signal,
    };
  }

  #tellRotation(job: Job, id: string, value: string): void {
    const { dialect } = this.#settings;
    const body = { phase: "credential_rotated", id };
    const delivery = { redacted: dialect.redactsRotation ? body : undefined, unkept: !dialect.replaysRotation };
    void job.emit("status", { ...body, value }, delivery);
  }

  /** A value serves one job only (ARCP §9.8.2); the store keeps a digest of each, so that restarts do not matter. */
  async #refuseReuse(value: string, grantId: string): Promise<void> {
    const digest = await crypto.subtle.digest("SHA-256", utf8(value) as Uint8Array<ArrayBuffer>);
    const version = await this.#records.create(values + hex(new Uint8Array(digest)), grantId);
    if (version === undefined) throw arcpFailure("INTERNAL_ERROR", "The provisioner issued a credential value twice.");
  }

  async #revokeAll(job: Job): Promise<void> {
    const holding = this.#holdings.get(job);
    this.#holdings.delete(job);
    for (const grantId of holding?.grants ?? []) await this.#revoke({ grantId, jobId: job.id });
  }

  /** Revokes, again and again until it is done, given up, or left to the next process. */
  async #revoke(request: RevocationRequest, attempt = 1): Promise<void> {
    try {
      const { clock, provisionTimeoutMs } = this.#settings;
      const revoking = (async () => this.#provisioner.revoke(request))();
      await settleWithin(revoking, { timeoutMs: provisionTimeoutMs }, clock, "The provisioner");
      if (request.credentialId === undefined) await this.#records.delete(grants + request.grantId);
    } catch (error) {
      this.#retry(request, attempt, messageOf(error));
    }
  }

  #retry(request: RevocationRequest, attempt: number, error: string): void {
    const { clock, logger } = this.#settings;
    const { grantId, jobId } = request;
    if (this.#closed) return;
    if (attempt >= mostAttempts) {
      logger.error("a credential could not be revoked", { grantId, jobId, error });
      void this.#markUnrevocable(grantId, error);
      this.#tellOperators({ grantId, jobId, error });
      return;
    }
    logger.warn("revoking a credential failed and is tried again", { grantId, jobId, attempt });
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** (attempt - 1));
    const timer = clock.setTimer(() => {
      this.#retries.delete(timer);
      void this.#revoke(request, attempt + 1);
    }, delayMs);
    this.#retries.add(timer);
  }

  #tellOperators(credential: UnrevocableCredential): void {
    try {
      this.#onUnrevocable?.(credential);
    } catch (failure) {
      this.#settings.logger.error("onUnrevocable failed", { error: messageOf(failure) });
    }
  }

  async #markUnrevocable(grantId: string, error: string): Promise<void> {
    const { logger } = this.#settings;
    try {
      const record = await this.#records.read(grants + grantId);
      if (record === undefined) return;
      const value: RecordValue = { ...(record.value as unknown as GrantRecord), unrevocable: error };
      await this.#records.replace(grants + grantId, value, record.version);
    } catch (failure) {
      logger.error("an unrevocable credential could not be recorded", { grantId, error: messageOf(failure) });
    }
  }
}

import { type Clock, ConfigurationError, type Logger } from "@imprest/core";
import type { Ed25519KeyPair } from "@imprest/core/audit";
import {
  type CyclesEvidenceRef,
  type EvidencePayload,
  type ReservationEvidence,
  artifactTypes,
} from "@imprest/core/models/cycles";
import { type EvidenceJwk, reservationIdOf, signEvidence } from "@imprest/cycles/evidence";
import { fingerprint } from "../ledger/fingerprint.ts";
import { flatCopy } from "../ledger/flat-text.ts";
import type { Journal } from "../ledger/journal.ts";
import { ledgerTime } from "../ledger/time.ts";
import { EvidenceArchive } from "./archive.ts";
import { type EvidenceOptions, checkServerId } from "./options.ts";
import { SigningKeys } from "./signing-keys.ts";

/** One answer, as it is to be signed. */
export interface Statement {
  /** Whose answer it is: tenants never share an envelope, even where they ask the same. */
  readonly tenant: string;
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** Without the members that only belong to one transmission of the answer. */
  readonly payload: EvidencePayload;
}

interface Addressed extends Statement {
  readonly serverId: string;
}

export interface AttestorParts {
  readonly options: EvidenceOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly journal: Journal | undefined;
  /** What an earlier run journaled, by store key. */
  readonly storedKeys: ReadonlyMap<string, string>;
  readonly storedEvidence: ReadonlyMap<string, string>;
}

/** Signs what the authority decides, and keeps what it signed (Cycles evidence §CyclesEvidence). */
export class Attestor {
  readonly #archive: EvidenceArchive;
  readonly #keys: Promise<SigningKeys>;
  readonly #now: () => number;
  readonly #logger: Logger;
  /** Envelopes that are being signed, by what they state. */
  readonly #signing = new Map<string, Promise<string>>();
  #serverId: string | undefined;

  /** @throws ConfigurationError, and LedgerUnavailableError for stored evidence that cannot be read. */
  constructor({ options, clock, logger, journal, storedKeys, storedEvidence }: AttestorParts) {
    const { serverId, keyPair, retention } = options;
    if (serverId !== undefined) checkServerId(serverId);
    this.#serverId = serverId;
    this.#logger = logger;
    this.#now = ledgerTime(clock);
    this.#archive = new EvidenceArchive(journal, storedEvidence, retention);
    const lastIssuedMs = this.#archive.restoredUntilMs;
    this.#keys = SigningKeys.open({ journal, stored: storedKeys, keyPair, now: this.#now, lastIssuedMs });
    // Whoever signs, rotates or publishes gets the error; until then nobody listens.
    this.#keys.catch(() => {});
  }

  /** @throws ConfigurationError while nothing says in whose name to sign. */
  assertAddressed(): void {
    this.#addressed();
  }

  /** Signs in the name of this URL unless another was configured. @throws ConfigurationError for what is no address. */
  address(serverId: string): void {
    if (this.#serverId !== undefined) return;
    checkServerId(serverId);
    if (/^\[::\]$|^0\.0\.0\.0$/.test(new URL(serverId).hostname)) {
      throw new ConfigurationError("The server listens on every address and is none of them; give evidence.serverId.");
    }
    this.#serverId = serverId;
  }

  /**
   * Signs an answer and keeps the envelope; a replay of one gets the envelope of the first. What was decided stands
   * whether or not it can be stated, so an answer that canonical JSON cannot hold (an amount beyond 2^53, a live denial
   * by policy) goes without evidence, and the log says why. The reference may leave once the ledger is durable.
   */
  async attest(statement: Statement): Promise<CyclesEvidenceRef | undefined> {
    try {
      const serverId = this.#addressed();
      // An authority that moved since states a replay again, under its new name.
      const stated = fingerprint([serverId, statement.tenant, statement.payload]);
      this.#archive.prune(this.#now());
      const id = this.#archive.idOf(stated) ?? (await this.#signOnce(stated, { ...statement, serverId }));
      return reference(serverId, id);
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown reason";
      this.#logger.warn("an answer goes without evidence", { traceId: statement.traceId, reason });
      return undefined;
    }
  }

  /** The references of one reservation's life; `undefined` when there is none. */
  evidenceOf(reservationId: string): ReservationEvidence | undefined {
    if (this.#serverId === undefined) return undefined;
    const references: { -readonly [Step in keyof ReservationEvidence]: ReservationEvidence[Step] } = {};
    for (const step of ["reserve", "commit", "release"] as const) {
      const id = this.#archive.idOfStep(reservationId, step);
      if (id !== undefined) references[step] = reference(this.#serverId, id);
    }
    return Object.keys(references).length === 0 ? undefined : references;
  }

  /** The envelope under an id, as it was signed; `undefined` for one that is unknown or forgotten. */
  envelope(id: string): string | undefined {
    this.#archive.prune(this.#now());
    return this.#archive.textOf(id);
  }

  /** Every key that signs or signed, as published (Cycles §getEvidenceJwks). @throws what opening the keys threw. */
  async jwks(): Promise<{ readonly keys: readonly EvidenceJwk[] }> {
    const { published } = await this.#keys;
    return { keys: [...published] };
  }

  /** As `SigningKeys.rotate`. */
  async rotate(keyPair: Ed25519KeyPair | undefined): Promise<EvidenceJwk> {
    return (await this.#keys).rotate(keyPair);
  }

  #addressed(): string {
    if (this.#serverId !== undefined) return this.#serverId;
    throw new ConfigurationError(
      "Evidence is signed in the name of an address: give evidence.serverId, or serve first.",
    );
  }

  /** The same answer twice at once is signed once. */
  #signOnce(stated: string, statement: Addressed): Promise<string> {
    const signing =
      this.#signing.get(stated) ?? this.#sign(stated, statement).finally(() => this.#signing.delete(stated));
    this.#signing.set(stated, signing);
    return signing;
  }

  async #sign(stated: string, { payload, traceId, serverId, tenant }: Addressed): Promise<string> {
    const { keyPair, kid, issuedAtMs } = (await this.#keys).stamp();
    const signed = await signEvidence({ payload, issuedAtMs, traceId }, { serverId, keyPair, kid });
    const [id, text] = [flatCopy(signed.evidenceId), flatCopy(signed.text)];
    const artifact = artifactTypes.find((type) => payload[type] !== undefined) ?? "error";
    const reservationId = artifact === "error" ? undefined : reservationIdOf({ payload });
    this.#archive.add({ id, text, tenant, statement: stated, artifact, reservationId, issuedAtMs });
    return id;
  }
}

/** server_id holds the /v1 already (Cycles §CyclesEvidenceRef). */
function reference(serverId: string, id: string): CyclesEvidenceRef {
  return { evidence_id: id, cycles_evidence_url: `${serverId}/evidence/${id}` };
}

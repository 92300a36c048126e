import { parseJson, stringifyJson } from "@imprest/core/internal";
import type { ArtifactType, ReservationEvidence } from "@imprest/core/models/cycles";
import type { Journal } from "../ledger/journal.ts";
import { TenantRetention } from "../ledger/tenant-retention.ts";
import { LedgerUnavailableError } from "../ledger/unavailable.ts";
import type { EvidenceRetention } from "./options.ts";

/** One signed envelope and what finds it. */
export interface ArchivedEvidence {
  readonly id: string;
  /** The envelope, served as it is. */
  readonly text: string;
  /** Whose answer it is; empty where nobody's, and in what an earlier version stored. */
  readonly tenant: string;
  /** What it states, as one text: a replay states the same. */
  readonly statement: string;
  readonly artifact: ArtifactType;
  /** The reservation whose life it belongs to; none for an error. */
  readonly reservationId?: string | undefined;
  readonly issuedAtMs: number;
}

const thirtyDaysMs = 30 * 86_400_000;

/** The envelopes that are served, by id, by what they state and by reservation; the oldest of a tenant are forgotten first. */
export class EvidenceArchive {
  readonly #byId = new Map<string, ArchivedEvidence>();
  readonly #byStatement = new Map<string, ArchivedEvidence>();
  readonly #ofReservations = new Map<string, string>();
  readonly #kept: TenantRetention<ArchivedEvidence>;
  readonly #journal: Journal | undefined;
  /** The time of the newest envelope, epoch milliseconds; 0 while there is none. */
  readonly restoredUntilMs: number;

  /** @param stored what an earlier run journaled. @throws LedgerUnavailableError for an entry that cannot be read. */
  constructor(journal: Journal | undefined, stored: ReadonlyMap<string, string>, retention: EvidenceRetention = {}) {
    const { forMs = thirtyDaysMs, envelopes = 50_000, bytes = 134_217_728 } = retention;
    this.#journal = journal;
    const most = { forMs, entries: envelopes, bytes, bytesOf: ({ text }: ArchivedEvidence) => text.length };
    this.#kept = new TenantRetention(most, (evidence) => this.#forget(evidence));
    const restored = Array.from(stored.values(), readEntry).sort((one, other) => one.issuedAtMs - other.issuedAtMs);
    for (const evidence of restored) this.#put(evidence);
    this.restoredUntilMs = restored.at(-1)?.issuedAtMs ?? 0;
  }

  add(evidence: ArchivedEvidence): void {
    this.#journal?.changed(keyOf(evidence), () => stringifyJson(evidence));
    this.#put(evidence);
  }

  /** Forgets what has become too old at `nowMs`. */
  prune(nowMs: number): void {
    this.#kept.prune(nowMs);
  }

  textOf(id: string): string | undefined {
    return this.#byId.get(id)?.text;
  }

  idOf(statement: string): string | undefined {
    return this.#byStatement.get(statement)?.id;
  }

  /** The id of the envelope of one step in a reservation's life. */
  idOfStep(reservationId: string, artifact: keyof ReservationEvidence): string | undefined {
    return this.#ofReservations.get(stepOf(reservationId, artifact));
  }

  #put(evidence: ArchivedEvidence): void {
    const { id, statement, artifact, reservationId, issuedAtMs } = evidence;
    this.#byId.set(id, evidence);
    this.#byStatement.set(statement, evidence);
    if (reservationId !== undefined) this.#ofReservations.set(stepOf(reservationId, artifact), id);
    this.#kept.add(evidence, issuedAtMs);
  }

  #forget(evidence: ArchivedEvidence): void {
    const { id, statement, artifact, reservationId } = evidence;
    this.#byId.delete(id);
    this.#byStatement.delete(statement);
    if (reservationId !== undefined) this.#ofReservations.delete(stepOf(reservationId, artifact));
    this.#journal?.removed(keyOf(evidence));
  }
}

function keyOf({ id }: ArchivedEvidence): string {
  return `evidence/${id}`;
}

function stepOf(reservationId: string, artifact: ArtifactType): string {
  return `${artifact} ${reservationId}`;
}

function readEntry(text: string): ArchivedEvidence {
  try {
    const entry = parseJson(text) as unknown as Partial<ArchivedEvidence>;
    return { ...(entry as ArchivedEvidence), tenant: entry.tenant ?? "" };
  } catch (error) {
    throw new LedgerUnavailableError("The authority's store holds evidence that cannot be read.", { cause: error });
  }
}

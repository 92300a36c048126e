import type { Finding } from "@imprest/core/audit";
import type { EvidenceEnvelope } from "@imprest/core/models/cycles";

/** What the reader of an envelope already knows about it; absent members are not compared. */
export interface EvidenceExpectation {
  /** The id under which the envelope was asked for. */
  readonly evidenceId?: string | undefined;
  readonly serverId?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly reservationId?: string | undefined;
  readonly traceId?: string | undefined;
}

/** One finding for each expectation that the envelope does not meet; all of them when there is no readable envelope. */
export function expectationFindings(
  envelope: EvidenceEnvelope | undefined,
  expected: EvidenceExpectation | undefined,
): Finding[] {
  if (expected === undefined) return [];
  const actual: EvidenceExpectation = {
    evidenceId: envelope?.evidence_id,
    serverId: envelope?.server_id,
    artifactType: envelope?.artifact_type,
    reservationId: envelope && reservationIdOf(envelope),
    traceId: envelope?.trace_id,
  };
  const names = Object.keys(expected) as (keyof EvidenceExpectation)[];
  return names.filter((name) => expected[name] !== undefined && expected[name] !== actual[name]).map(unexpected);
}

const subjects: Readonly<Record<keyof EvidenceExpectation, readonly [code: string, message: string]>> = {
  evidenceId: ["unexpected_evidence_id", "The envelope is not the one asked for."],
  serverId: ["unexpected_server_id", "The envelope is of another server."],
  artifactType: ["unexpected_artifact_type", "The envelope attests another event."],
  reservationId: ["unexpected_reservation_id", "The envelope is about another reservation, or about none."],
  traceId: ["unexpected_trace_id", "The envelope belongs to another trace, or to none."],
};

function unexpected(name: keyof EvidenceExpectation): Finding {
  const [code, message] = subjects[name];
  return { kind: "expectation", severity: "error", code, message };
}

/** The reservation that an envelope is about, as attested. */
export function reservationIdOf({ payload }: Pick<EvidenceEnvelope, "payload">): string | undefined {
  const { reserve, commit, release, error } = payload;
  return reserve?.response.reservation_id ?? commit?.reservation_id ?? release?.reservation_id ?? error?.reservation_id;
}

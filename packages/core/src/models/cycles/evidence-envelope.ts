import { hexDigits, oneOf, patternedText, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, optional, variants } from "../../wire/shape.ts";
import { type CommitRequest, type CommitResponse, commitRequest } from "./commit.ts";
import { type DecisionRequest, type DecisionResponse, decisionRequest } from "./decision.ts";
import type { ErrorResponse } from "./error.ts";
import {
  attestedCommitResponse,
  attestedDecisionResponse,
  attestedErrorResponse,
  attestedReleaseResponse,
  attestedReservationCreateResponse,
} from "./evidence-response.ts";
import { type ReleaseRequest, type ReleaseResponse, releaseRequest } from "./release.ts";
import {
  type ReservationCreateRequest,
  type ReservationCreateResponse,
  reservationCreateRequest,
} from "./reservation.ts";

/** The one wire version there is (Cycles evidence §schema_version); it did not change with the document's v0.2. */
export const evidenceSchemaVersion = "cycles-evidence/v0.1" as const;

/** The lifecycle event that an envelope attests (Cycles evidence §ArtifactType). */
export type ArtifactType = (typeof artifactTypes)[number];

export const artifactTypes = ["decide", "reserve", "commit", "release", "error"] as const;

/** An answer as it is attested: without what only belongs to one transmission of it. */
export type Attested<Response> = Omit<Response, "cycles_evidence" | "remaining_ttl_ms">;

/** Cycles evidence §DecidePayload. */
export interface DecidePayload {
  readonly request: DecisionRequest;
  readonly response: Attested<DecisionResponse>;
}

/** Cycles evidence §ReservePayload. */
export interface ReservePayload {
  readonly request: ReservationCreateRequest;
  readonly response: Attested<ReservationCreateResponse>;
}

/** Cycles evidence §CommitPayload. */
export interface CommitPayload {
  readonly reservation_id: string;
  readonly request: CommitRequest;
  readonly response: Attested<CommitResponse>;
}

/** Cycles evidence §ReleasePayload. */
export interface ReleasePayload {
  readonly reservation_id: string;
  readonly request: ReleaseRequest;
  readonly response: Attested<ReleaseResponse>;
}

/** Which operation an error answers (Cycles evidence §ErrorPayload). */
export type EvidenceEndpoint = (typeof evidenceEndpoints)[number];

export const evidenceEndpoints = [
  "POST /v1/decide",
  "POST /v1/reservations",
  "POST /v1/reservations/{reservation_id}/commit",
  "POST /v1/reservations/{reservation_id}/release",
] as const;

/** Cycles evidence §ErrorPayload. */
export interface ErrorPayload {
  readonly endpoint: EvidenceEndpoint;
  readonly http_status: number;
  /** Present for a commit and a release, and only then. */
  readonly reservation_id?: string | undefined;
  /** The request body of the endpoint; an authority may withhold it. */
  readonly request?: DecisionRequest | ReservationCreateRequest | CommitRequest | ReleaseRequest | undefined;
  readonly response: Attested<ErrorResponse>;
}

/** Exactly one member, named as `artifact_type` says (Cycles evidence §EvidencePayload). */
export interface EvidencePayload {
  readonly decide?: DecidePayload | undefined;
  readonly reserve?: ReservePayload | undefined;
  readonly commit?: CommitPayload | undefined;
  readonly release?: ReleasePayload | undefined;
  readonly error?: ErrorPayload | undefined;
}

/** A signed, content-addressed statement of an authority (Cycles evidence §CyclesEvidence). */
export interface EvidenceEnvelope {
  readonly schema_version: typeof evidenceSchemaVersion;
  readonly artifact_type: ArtifactType;
  readonly server_id: string;
  /** 64 hex digits of a public key, or `did:cycles:<server hash>#<kid>`. */
  readonly signer_did: string;
  /** Epoch milliseconds. */
  readonly issued_at_ms: number;
  readonly trace_id?: string | undefined;
  readonly payload: EvidencePayload;
  readonly evidence_id: string;
  readonly signature: string;
}

const decide: Shape<DecidePayload> = closedObject({
  request: decisionRequest,
  response: attestedDecisionResponse,
});

const reserve: Shape<ReservePayload> = closedObject({
  request: reservationCreateRequest,
  response: attestedReservationCreateResponse,
});

const commit: Shape<CommitPayload> = closedObject({
  reservation_id: text,
  request: commitRequest,
  response: attestedCommitResponse,
});

const release: Shape<ReleasePayload> = closedObject({
  reservation_id: text,
  request: releaseRequest,
  response: attestedReleaseResponse,
});

/** The endpoint alone says what the request is: several requests have the same required members. */
function errorAnswering(
  endpoint: EvidenceEndpoint,
  request: Shape<NonNullable<ErrorPayload["request"]>>,
): Shape<ErrorPayload> {
  return closedObject({
    endpoint: oneOf([endpoint]),
    http_status: wholeNumber(400, 599),
    reservation_id: optional(text),
    request: optional(request),
    response: attestedErrorResponse,
  });
}

const error: Shape<ErrorPayload> = variants(
  "endpoint",
  {
    "POST /v1/decide": errorAnswering("POST /v1/decide", decisionRequest),
    "POST /v1/reservations": errorAnswering("POST /v1/reservations", reservationCreateRequest),
    "POST /v1/reservations/{reservation_id}/commit": errorAnswering(
      "POST /v1/reservations/{reservation_id}/commit",
      commitRequest,
    ),
    "POST /v1/reservations/{reservation_id}/release": errorAnswering(
      "POST /v1/reservations/{reservation_id}/release",
      releaseRequest,
    ),
  },
  "must have an endpoint that the protocol knows",
);

export const evidencePayload: Shape<EvidencePayload> = closedObject({
  decide: optional(decide),
  reserve: optional(reserve),
  commit: optional(commit),
  release: optional(release),
  error: optional(error),
});

/**
 * The shape of an envelope. The mirrors are closed: a member too many would be attested without being understood. Rules
 * between members (`dry_run`, caps, which payload goes with which type) are the verifier's.
 */
export const evidenceEnvelope: Shape<EvidenceEnvelope> = closedObject({
  schema_version: oneOf([evidenceSchemaVersion]),
  artifact_type: oneOf(artifactTypes),
  server_id: text,
  signer_did: patternedText(
    /^(?:[0-9a-f]{64}|did:cycles:[0-9a-f]{64}#.+)$/,
    512,
    "must be a public key in hex or did:cycles:<hash>#<kid>",
  ),
  issued_at_ms: wholeNumber(0),
  trace_id: optional(hexDigits(32)),
  payload: evidencePayload,
  evidence_id: hexDigits(64),
  signature: hexDigits(128),
});

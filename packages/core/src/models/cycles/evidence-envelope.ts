import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { type CommitRequest, type CommitResponse, commitRequestSchema } from "./commit.ts";
import { type DecisionRequest, type DecisionResponse, decisionRequestSchema } from "./decision.ts";
import type { ErrorResponse } from "./error.ts";
import {
  evidenceCommitResponseSchema,
  evidenceDecisionResponseSchema,
  evidenceErrorResponseSchema,
  evidenceReleaseResponseSchema,
  evidenceReservationResponseSchema,
} from "./evidence-response.ts";
import { oneOf, patternedText, requestObject, text, wholeNumber } from "./fields.ts";
import { type ReleaseRequest, type ReleaseResponse, releaseRequestSchema } from "./release.ts";
import {
  type ReservationCreateRequest,
  type ReservationCreateResponse,
  reservationCreateRequestSchema,
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

const decide: WireSchema<DecidePayload> = requestObject({
  request: decisionRequestSchema,
  response: evidenceDecisionResponseSchema,
});

const reserve: WireSchema<ReservePayload> = requestObject({
  request: reservationCreateRequestSchema,
  response: evidenceReservationResponseSchema,
});

const commit: WireSchema<CommitPayload> = requestObject({
  reservation_id: text,
  request: commitRequestSchema,
  response: evidenceCommitResponseSchema,
});

const release: WireSchema<ReleasePayload> = requestObject({
  reservation_id: text,
  request: releaseRequestSchema,
  response: evidenceReleaseResponseSchema,
});

/** The endpoint alone says what the request is: several requests have the same required members. */
function errorAnswering<Endpoint extends EvidenceEndpoint, Request>(endpoint: Endpoint, request: WireSchema<Request>) {
  return requestObject({
    endpoint: z.literal(endpoint),
    http_status: wholeNumber(400, 599),
    reservation_id: z.optional(text),
    request: z.optional(request),
    response: evidenceErrorResponseSchema,
  });
}

const error: WireSchema<ErrorPayload> = z.discriminatedUnion(
  "endpoint",
  [
    errorAnswering("POST /v1/decide", decisionRequestSchema),
    errorAnswering("POST /v1/reservations", reservationCreateRequestSchema),
    errorAnswering("POST /v1/reservations/{reservation_id}/commit", commitRequestSchema),
    errorAnswering("POST /v1/reservations/{reservation_id}/release", releaseRequestSchema),
  ],
  "must have an endpoint that the protocol knows",
);

export const evidencePayloadSchema: WireSchema<EvidencePayload> = requestObject({
  decide: z.optional(decide),
  reserve: z.optional(reserve),
  commit: z.optional(commit),
  release: z.optional(release),
  error: z.optional(error),
});

const digits = (count: number): WireSchema<string> =>
  patternedText(new RegExp(`^[0-9a-f]{${count}}$`), count, `must be ${count} lower-case hex digits`);

/**
 * The shape of an envelope. The mirrors are closed: a member too many would be attested without being understood. Rules
 * between members (`dry_run`, caps, which payload goes with which type) are the verifier's.
 */
export const evidenceEnvelopeSchema: WireSchema<EvidenceEnvelope> = requestObject({
  schema_version: oneOf([evidenceSchemaVersion]),
  artifact_type: oneOf(artifactTypes),
  server_id: text,
  signer_did: patternedText(
    /^(?:[0-9a-f]{64}|did:cycles:[0-9a-f]{64}#.+)$/,
    512,
    "must be a public key in hex or did:cycles:<hash>#<kid>",
  ),
  issued_at_ms: wholeNumber(0),
  trace_id: z.optional(digits(32)),
  payload: evidencePayloadSchema,
  evidence_id: digits(64),
  signature: digits(128),
});

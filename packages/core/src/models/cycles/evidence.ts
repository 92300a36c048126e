import { hexDigits, loose, text } from "../../wire/leaves.ts";
import { type Shape, object, optional } from "../../wire/shape.ts";

/** Where the signed envelope of an answer can be fetched (Cycles §CyclesEvidenceRef); not itself attested. */
export interface CyclesEvidenceRef {
  /** SHA-256 of the envelope, 64 lower-case hex digits. */
  readonly evidence_id: string;
  readonly cycles_evidence_url: string;
}

export const cyclesEvidenceRef: Shape<CyclesEvidenceRef> = object({
  evidence_id: loose(hexDigits(64)),
  cycles_evidence_url: text,
});

/** The envelopes of one reservation's life (Cycles §ReservationEvidence). */
export interface ReservationEvidence {
  readonly reserve?: CyclesEvidenceRef | undefined;
  readonly commit?: CyclesEvidenceRef | undefined;
  readonly release?: CyclesEvidenceRef | undefined;
}

export const reservationEvidence: Shape<ReservationEvidence> = object({
  reserve: optional(cyclesEvidenceRef),
  commit: optional(cyclesEvidenceRef),
  release: optional(cyclesEvidenceRef),
});

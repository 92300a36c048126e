import type { EvidencePayload } from "@imprest/core/models/cycles";

/** A success of one operation, before its headers. */
export interface Success {
  readonly status: 200 | 201 | 202;
  readonly body: object;
  /** What evidence states of it; absent where no artifact type is for the operation. */
  readonly payload?: EvidencePayload | undefined;
}

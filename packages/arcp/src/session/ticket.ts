import type { Secret } from "@imprest/core/internal";

/** What it takes to go on with a session later (ARCP §6.3): `connect(url, { resume: ticket, … })`. Holds a secret. */
export interface SessionTicket {
  readonly sessionId: string;
  readonly resumeToken: Secret;
  readonly lastEventSeq: number;
}

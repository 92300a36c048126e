import { type Transport, tokens } from "@imprest/core";
import { createRemoteKeySet } from "@imprest/core/audit";
import type { CyclesEvidenceRef } from "@imprest/core/models/cycles";
import { type EvidenceReport, fetchEvidence, verifyEvidence } from "@imprest/cycles/evidence";
import {
  type EmbeddedAuthority,
  type EmbeddedAuthorityOptions,
  type EvidenceGroup,
  createEmbeddedAuthority,
} from "../../src/index.ts";
import { type Answer, FakeClock, WireCaller } from "../support.ts";

export const serverId = "https://authority.test/v1";
export const trustedOrigins: readonly string[] = ["https://authority.test"];
export const subject = { tenant: "acme", agent: "bot" };
export const action = { kind: "llm.completion", name: "gpt-5" };
export const estimate = { unit: "TOKENS", amount: 100 };

/** What any client reaches, without a socket. */
export function transportTo(authority: EmbeddedAuthority): Transport {
  return async ({ method, url, headers }) => {
    const answer = await authority.handler(new Request(url, { method, headers }));
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
  };
}

/** An authority that signs, a tenant's caller, and a verifier that knows nothing but the trusted origin. */
export class SigningWorld {
  readonly clock: FakeClock;
  readonly authority: EmbeddedAuthority;
  acme: WireCaller;

  constructor(options: EmbeddedAuthorityOptions & { readonly clock?: FakeClock } = {}) {
    this.clock = options.clock ?? new FakeClock();
    this.authority = createEmbeddedAuthority({ evidence: { serverId }, ...options, clock: this.clock });
    this.acme = new WireCaller(this.authority, "");
  }

  /** What an operator does to the keys of an authority that signs. */
  get evidence(): EvidenceGroup {
    const { evidence } = this.authority;
    if (evidence === undefined) throw new Error("The authority does not sign.");
    return evidence;
  }

  /** Two budgets of acme, and a key. */
  async open(): Promise<this> {
    await this.authority.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(10_000) });
    await this.authority.budgets.create({ scope: subject, allocated: tokens(1_000) });
    this.acme = new WireCaller(this.authority, (await this.authority.apiKeys.create({ tenant: "acme" })).key);
    return this;
  }

  reserve(more: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
    const request = { idempotency_key: crypto.randomUUID(), subject, action, estimate };
    return this.acme.post("/v1/reservations", { ...request, ...more }, headers);
  }

  settle(reserved: Answer, how: "commit" | "release", more: object = {}): Promise<Answer> {
    const path = `/v1/reservations/${String(reserved.body["reservation_id"])}/${how}`;
    const request = { idempotency_key: how, ...(how === "commit" && { actual: { unit: "TOKENS", amount: 60 } }) };
    return this.acme.post(path, { ...request, ...more });
  }

  /** Fetches what an answer refers to, and verifies it with the keys that the authority publishes at that moment. */
  async verify(reference: CyclesEvidenceRef): Promise<EvidenceReport> {
    const transport = transportTo(this.authority);
    const text = await fetchEvidence(reference, { trustedOrigins, transport, timeoutMs: 5_000 });
    const keys = createRemoteKeySet({ trustedOrigins, transport });
    return verifyEvidence(text, { keys, expected: { evidenceId: reference.evidence_id, serverId } });
  }
}

/** The reference that an answer carries. */
export function referenceOf({ body }: Answer): CyclesEvidenceRef {
  const reference = body["cycles_evidence"];
  if (reference === undefined) throw new Error(`The answer has no evidence: ${JSON.stringify(body)}`);
  return reference as CyclesEvidenceRef;
}

/** An answer without what only belongs to one transmission of it. */
export function attestedPartOf({ body }: Answer): Record<string, unknown> {
  // The mirror does not know what v0.1.26 added to an answer.
  const { cycles_evidence: _reference, remaining_ttl_ms: _volatile, deny_detail: _later, ...attested } = body;
  return attested;
}

export const authentic = { disposition: "authentic", findings: [] };

import { idempotencyKey } from "@imprest/ap2";
import { verifyMandate } from "@imprest/ap2/verify";
import { createAuditTrust, createAuditor, verifyAuditEvent } from "@imprest/asp/audit";
import { usd } from "@imprest/core";
import { parseBase64url } from "@imprest/core/internal";
import { hasErrors } from "@imprest/core/audit";
import { CyclesClient } from "@imprest/cycles";
import { type AspVector, type Checks, expectEqual, failureOf } from "../check.ts";

/** When the published AP2 tokens were valid. */
const nowMs = 1_777_342_400_000;

export const protocols: Checks = {
  async "asp: signed events are authentic, altered and foreign ones are not, and an auditor takes them"({ vectors }) {
    const { jwks, valid, invalid } = vectors.asp;
    const origin = "https://authority.example";
    const trust = createAuditTrust({ origins: [origin], jwks: { [origin]: jwks } });
    const verify = ({ event, signature_b64url: text }: AspVector) =>
      verifyAuditEvent(JSON.stringify(event), { trust, signature: parseBase64url(text) });
    const auditor = createAuditor();
    for (const vector of valid) {
      const report = await verify(vector);
      expectEqual(`${vector.name} ${report.disposition} ${hasErrors(report)}`, `${vector.name} authentic false`);
      auditor.add(report);
    }
    expectEqual(auditor.finish().events, valid.length);
    for (const vector of invalid) {
      const report = await verify(vector);
      const accepted = report.disposition === "authentic" && !hasErrors(report);
      expectEqual(`${vector.name} ${accepted}`, `${vector.name} ${vector.expect?.startsWith("valid") === true}`);
    }
  },

  async "cycles: reserves, extends, commits, lists and refuses over this runtime's own sockets"({ cycles }) {
    const options = { baseUrl: cycles.url, subject: { tenant: "acme" }, allowBrowserCredentials: true };
    const client = new CyclesClient({ ...options, apiKey: cycles.key });
    const action = { kind: "llm.completion", name: "model" };
    const estimate = usd("0.02");
    const made = await client.createReservation({ subject: { tenant: "acme" }, action, estimate, ttl_ms: 60_000 });
    const id = made.reservation_id ?? "";
    await client.extendReservation(id, { extend_by_ms: 60_000 });
    const { status } = await client.commitReservation(id, { actual: usd("0.01") });
    expectEqual(`${made.decision} ${status}`, "ALLOW COMMITTED");
    let isListed = false;
    for await (const { reservation_id } of client.listReservations({ tenant: "acme", status: "COMMITTED" })) {
      isListed ||= reservation_id === id;
    }
    expectEqual(isListed, true);
    const stranger = new CyclesClient({ ...options, apiKey: "a-key-of-nobody" });
    expectEqual(await failureOf(stranger.getReservation(id)), "CyclesUnauthorizedError");
    const nobody = new CyclesClient({
      ...options,
      baseUrl: "http://127.0.0.1:9",
      apiKey: "any-key-at-all",
      readAttempts: 1,
    });
    expectEqual(await failureOf(nobody.getReservation(id)), "ConnectionError");
  },

  async "ap2: derives the published keys and verifies the published tokens"({ vectors }) {
    for (const { mandate, reserve, commit } of vectors.ap2Keys) {
      const key = { transactionId: mandate.transaction_id, openMandateHash: mandate.open_mandate_hash };
      expectEqual(await idempotencyKey(key, "reserve"), reserve);
      expectEqual(await idempotencyKey(key, "commit"), commit);
    }
    const { payment_chain: chain = "" } = vectors.ap2Tokens;
    expectEqual((await verifyMandate(chain, { nowMs })).disposition, "binding_only");
    const altered = `${chain.slice(0, 200)}${chain[200] === "A" ? "B" : "A"}${chain.slice(201)}`;
    expectEqual((await verifyMandate(altered, { nowMs })).disposition === "binding_only", false);
  },
};

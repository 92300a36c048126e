import { beforeAll, describe, expect, it } from "vitest";
import {
  type AuditFinding,
  type AuditTrust,
  type AuditorOptions,
  createAuditor,
  readPromisedEvent,
  verifyAuditEvent,
} from "../../src/audit/index.ts";
import type { PromisedEvent } from "../../src/index.ts";
import { line, reserveData, startMs, trustSigner } from "./support.ts";

let trust: AuditTrust;
beforeAll(async () => {
  trust = await trustSigner();
});

/** All that is found in a feed, the last of it at its end. */
async function audit(
  lines: readonly string[],
  options: AuditorOptions,
): Promise<{ readonly findings: readonly AuditFinding[]; readonly codes: readonly string[] }> {
  const auditor = createAuditor(options);
  const during: AuditFinding[] = [];
  for (const text of lines) during.push(...auditor.add(await verifyAuditEvent(text, { trust })));
  const { findings } = auditor.finish();
  return { findings, codes: [...during, ...findings].map(({ code }) => code) };
}

const of = { reservation_id: "r1" };
const later = { atMs: startMs + 1_000 };
const ttlMs = startMs + 600_000;
const expired = { ...of, ttl_expires_at: new Date(ttlMs).toISOString(), capacity_returned_atomic: "1000" };

describe("createAuditor with what answers promised", () => {
  const signatureOf = (text: string): string => (JSON.parse(text) as { aspsignature: string }).aspsignature;
  const exact = { amount_atomic_observed: "1000", exact_match: true };

  function promise(verb: PromisedEvent["verb"], text: string, more: Partial<PromisedEvent> = {}): PromisedEvent {
    return { verb, reservationId: "r1", idempotencyKey: `${verb}-key`, signature: signatureOf(text), ...more };
  }

  it("finds a commit that was answered with its reserve's signature and then reported as a release", async () => {
    const reserve = await line("reserve", 1, reserveData());
    const release = await line("release", 1, of, later);
    const promised = [promise("reserve", reserve), promise("commit", reserve)];
    for (const feed of [
      [reserve, release],
      [release, reserve],
      [reserve, reserve, release],
    ]) {
      const { findings } = await audit(feed, { promised });
      expect(findings).toMatchObject([{ code: "promised_event_mismatch", severity: "error" }]);
      expect(findings[0]?.message).toContain("commit (reservation r1, key commit-key)");
    }
  });

  it("finds a denial whose event is a grant, and a grant whose event is a denial", async () => {
    const grant = await line("reserve", 1, reserveData());
    const denial = await line("reserve", 2, { ...reserveData(), decision: "DENY" });
    const denied = (text: string): PromisedEvent => ({
      verb: "reserve",
      idempotencyKey: "k",
      signature: signatureOf(text),
    });
    expect((await audit([denial], { promised: [denied(denial)] })).codes).toEqual([]);
    expect((await audit([grant], { promised: [denied(grant)] })).codes).toContain("promised_event_mismatch");
    expect((await audit([denial], { promised: [promise("reserve", denial)] })).codes).toContain(
      "promised_event_mismatch",
    );
  });

  it.each(["reserve", "release", "refund", "overage_rejected", "reconciliation_gap", "replay_rejected"] as const)(
    "finds a commit that was answered with the signature of a %s of the same reservation",
    async (suffix) => {
      const data = {
        reserve: { ...reserveData(), ...of },
        release: of,
        refund: { ...of, amount_atomic_refunded: "1", original_commit_event_id: "c" },
        overage_rejected: {
          ...of,
          amount_atomic_observed: "1200",
          amount_atomic_reserved: "1000",
          overage_amount_atomic: "200",
        },
        reconciliation_gap: { ...of, amount_atomic_observed: "9", time_past_grace_ms: "7" },
        replay_rejected: { ...of, idempotency_key: "k", conflict_field: "f" },
      }[suffix];
      const other = await line(suffix, 1, data, later);
      expect((await audit([other], { promised: [promise("commit", other)] })).codes).toContain(
        "promised_event_mismatch",
      );
    },
  );

  it.each(["late_commit", "overage_charged"] as const)("takes a %s as the event of a commit", async (suffix) => {
    const data = {
      late_commit: { ...of, amount_atomic_observed: "87", grace_window_ms_used: 5 },
      overage_charged: {
        ...of,
        amount_atomic_observed: "1200",
        amount_atomic_reserved: "1000",
        overage_amount_atomic: "200",
        policy: "charge_overage",
      },
    }[suffix];
    const isLate = suffix === "late_commit";
    const settled = await line(suffix, 1, data, isLate ? { atMs: ttlMs + 5 } : later);
    const expiry = isLate ? [await line("ttl_expired", 1, expired, { atMs: ttlMs })] : [];
    const lines = [await line("reserve", 1, reserveData()), ...expiry, settled];
    expect((await audit(lines, { promised: [promise("commit", settled)] })).codes).toEqual([]);
  });

  it("finds an answer whose event has another amount than was asked for, and a grant whose event ends sooner", async () => {
    const reserve = await line("reserve", 1, reserveData());
    const commit = await line("commit", 1, { ...of, ...exact }, later);
    const ttlExpiresAt = new Date(ttlMs).toISOString();
    const honest = [
      promise("reserve", reserve, { amountAtomic: "1000", ttlExpiresAt }),
      promise("commit", commit, { amountAtomic: "1000" }),
    ];
    expect((await audit([reserve, commit], { promised: honest })).codes).toEqual([]);
    for (const lie of [
      promise("reserve", reserve, { amountAtomic: "900" }),
      promise("reserve", reserve, { ttlExpiresAt: new Date(ttlMs + 1).toISOString() }),
      promise("commit", commit, { amountAtomic: "87" }),
    ]) {
      const { findings } = await audit([reserve, commit], { promised: [lie] });
      expect(findings).toMatchObject([{ code: "promised_event_mismatch", severity: "error" }]);
    }
  });

  it("takes two requests for one answer only where they are the same", async () => {
    const lines = [await line("reserve", 1, reserveData()), await line("commit", 1, { ...of, ...exact }, later)];
    const [, commit = ""] = lines;
    const promised = [
      promise("commit", commit, { amountAtomic: "1000" }),
      promise("commit", commit, { amountAtomic: "1000", reservationId: "r1" }),
    ];
    expect((await audit(lines, { promised })).codes).toEqual([]);
    const other = promise("commit", commit, { amountAtomic: "10" });
    expect((await audit(lines, { promised: [...promised, other] })).codes).toEqual(["promised_event_mismatch"]);
  });

  it("finds a commit that was answered with the signature of another reservation's commit", async () => {
    const lines = [await line("reserve", 1, reserveData()), await line("commit", 1, { ...of, ...exact }, later)];
    const [, commit = ""] = lines;
    const promised = [promise("commit", commit), promise("commit", commit, { reservationId: "r2" })];
    expect((await audit(lines, { promised })).codes).toEqual(["promised_event_mismatch"]);
  });

  it("finds a reserve that was answered with the signature of another reservation's reserve", async () => {
    const reserve = await line("reserve", 1, reserveData());
    const lines = [reserve, await line("commit", 1, { ...of, ...exact }, later)];
    for (const feed of [lines, lines.toReversed()]) {
      expect((await audit(feed, { promised: [promise("reserve", reserve)] })).codes).toEqual([]);
      const promised = [promise("reserve", reserve, { reservationId: "r2" })];
      expect((await audit(feed, { promised })).codes).toEqual(["promised_event_mismatch"]);
    }
  });

  it("finds two answers under different keys that promised one event; a repeated answer promises it once", async () => {
    const lines = [
      await line("reserve", 1, { ...reserveData(), decision: "DENY" }),
      await line("reserve", 2, { ...reserveData(), decision: "DENY" }),
    ];
    const [first = "", second = ""] = lines;
    const denied = { reservationId: undefined };
    const honest = [promise("reserve", first, denied), promise("reserve", second, { ...denied, idempotencyKey: "b" })];
    expect((await audit(lines, { promised: [...honest, ...honest] })).codes).toEqual([]);
    const shared = [promise("reserve", first, denied), promise("reserve", first, { ...denied, idempotencyKey: "b" })];
    expect((await audit(lines.slice(0, 1), { promised: shared })).codes).toEqual(["promised_event_mismatch"]);
  });

  it("finds a promise whose key is not the one that its event names", async () => {
    const named = { ...of, ...exact, runtime_metadata: { idempotency_key: "commit-key" } };
    const lines = [await line("reserve", 1, reserveData()), await line("commit", 1, named, later)];
    const [, commit = ""] = lines;
    expect((await audit(lines, { promised: [promise("commit", commit)] })).codes).toEqual([]);
    const promised = [promise("commit", commit, { idempotencyKey: "other" })];
    expect((await audit(lines, { promised })).codes).toEqual(["promised_event_mismatch"]);
  });

  it("reads promises without a key and with null for absent, and refuses what binds to no event", async () => {
    const lines = [await line("reserve", 1, reserveData()), await line("commit", 1, { ...of, ...exact }, later)];
    const [reserve = "", commit = ""] = lines;
    const read = (value: object): PromisedEvent => readPromisedEvent(value);
    const promised = [
      read({ verb: "reserve", reservationId: null, idempotencyKey: null, signature: signatureOf(reserve) }),
      read({ verb: "commit", reservationId: "r1", signature: signatureOf(commit), note: "mine" }),
    ];
    expect((await audit(lines, { promised })).codes).toEqual([]);
    const unbound = { verb: "commit" as const, idempotencyKey: "k", signature: signatureOf(commit) };
    expect(() => createAuditor({ promised: [unbound] })).toThrow(/reservationId.*keep all that onPromisedEvent gives/);
    expect(() => read({ ...unbound, verb: "settle" })).toThrow(/\/verb/);
    expect(() => read({ verb: "reserve" })).toThrow(/\/signature/);
    expect(() => read({ ...unbound, reservationId: 7 })).toThrow(/\/reservationId/);
  });
});

import type { JsonObject } from "@imprest/core/audit";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type AuditConclusion,
  type AuditFinding,
  type AuditTrust,
  type AuditorOptions,
  createAuditor,
  createMemoryIndex,
  verifyAuditEvent,
  verifyAuditFeed,
} from "../../src/audit/index.ts";
import { line, reserveData, signer, startMs, trustSigner } from "./support.ts";

let trust: AuditTrust;
beforeAll(async () => {
  trust = await trustSigner();
});

interface Audited extends AuditConclusion {
  readonly all: readonly AuditFinding[];
  readonly codes: readonly string[];
}

async function audit(lines: readonly string[], options: AuditorOptions = {}): Promise<Audited> {
  const auditor = createAuditor(options);
  const during: AuditFinding[] = [];
  for (const text of lines) during.push(...auditor.add(await verifyAuditEvent(text, { trust })));
  const conclusion = auditor.finish();
  const all = [...during, ...conclusion.findings];
  return { ...conclusion, all, codes: all.map(({ code }) => code) };
}

const of = { reservation_id: "r1" };
const later = { atMs: startMs + 1_000 };
const ttlMs = startMs + 600_000;
/** Of the reserve of `reserveData()`, signed at its TTL. */
const expired = { ...of, ttl_expires_at: new Date(ttlMs).toISOString(), capacity_returned_atomic: "1000" };
const exact = { amount_atomic_observed: "1000", exact_match: true };
const overage = { amount_atomic_observed: "1200", amount_atomic_reserved: "1000", overage_amount_atomic: "200" };

/** An event of the first decision: suffix, data, and when, in milliseconds after the reserve. */
type Step = readonly [suffix: Parameters<typeof line>[0], data: object, afterMs?: number, id?: string];

async function linesOf(steps: readonly Step[]): Promise<string[]> {
  const lines: string[] = [];
  for (const [suffix, data, afterMs = suffix === "reserve" ? 0 : 1_000, id] of steps) {
    const whole = suffix === "reserve" ? data : { ...of, ...data };
    lines.push(
      await line(suffix, 1, whole as JsonObject, { atMs: startMs + afterMs, ...(id !== undefined && { id }) }),
    );
  }
  return lines;
}

const lateBy = (ms: number): JsonObject => ({ amount_atomic_observed: "87", grace_window_ms_used: ms });
const gapOf = (ms: number): JsonObject => ({ amount_atomic_observed: "9", time_past_grace_ms: ms });
const refundOf = (id: string, amount: string): JsonObject => ({
  amount_atomic_refunded: amount,
  original_commit_event_id: id,
});
const reserve: Step = ["reserve", reserveData()];
const atTtl: Step = ["ttl_expired", expired, 600_001];

describe("createAuditor", () => {
  it.each<[string, readonly Step[]]>([
    ["exact", [["commit", exact]]],
    ["refunded in part", [["commit", { amount_atomic_observed: "87", refund_amount_atomic: "913" }]]],
    ["released", [["release", {}]]],
    ["late", [atTtl, ["late_commit", { amount_atomic_observed: "87", grace_window_ms_used: 5 }, 600_005]]],
    ["charged beyond, by its own event alone", [["overage_charged", { ...overage, policy: "charge_overage" }]]],
    [
      "charged beyond, by both events",
      [
        ["commit", { amount_atomic_observed: "1200", charge_amount_atomic: "200" }],
        ["overage_charged", { ...overage, policy: "charge_overage" }],
      ],
    ],
    ["refused beyond", [["overage_rejected", overage]]],
    [
      "beyond grace",
      [atTtl, ["reconciliation_gap", { amount_atomic_observed: "9", time_past_grace_ms: "7" }, 630_007]],
    ],
    [
      "refunded after its commit",
      [
        ["commit", exact, 1_000, "commit-event"],
        ["refund", { amount_atomic_refunded: "1000", original_commit_event_id: "commit-event" }],
      ],
    ],
    [
      "committed again under another key",
      [
        ["commit", exact],
        ["replay_rejected", { idempotency_key: "k", conflict_field: "idempotency_key" }],
      ],
    ],
  ])("a life that is %s is clean, in any order", async (_name, rest) => {
    const lines = await linesOf([reserve, ...rest]);
    for (const order of [lines, lines.toReversed()]) {
      const options = { graceWindowMs: 30_000 };
      expect(await audit(order, options)).toMatchObject({ all: [], events: lines.length, decisions: 1, open: 0 });
    }
  });

  it.each<[string, readonly Step[]]>([
    ["missing_reserve", [["commit", { amount_atomic_observed: "5", exact_match: true }]]],
    ["commit_and_release", [reserve, ["release", {}], ["commit", exact]]],
    ["several_ends", [reserve, ["release", {}], ["release", {}]]],
    ["several_reserves", [reserve, ["reserve", reserveData("2000")], ["release", {}]]],
    [
      "events_after_denial",
      [
        ["reserve", { ...reserveData(), decision: "DENY" }],
        ["release", {}],
      ],
    ],
    ["bypassed_and_decided", [reserve, ["bypassed", { bypass_reason: "fail_open_override" }]]],
    [
      "missing_ttl_expired",
      [reserve, ["late_commit", { amount_atomic_observed: "1", grace_window_ms_used: 5 }, 600_005]],
    ],
    ["amounts_do_not_conserve", [reserve, ["commit", { amount_atomic_observed: "87", refund_amount_atomic: "900" }]]],
    ["amounts_do_not_conserve", [reserve, ["commit", { ...exact, amount_atomic_reserved: "999" }]]],
    ["refund_without_commit", [reserve, ["release", {}], ["refund", refundOf("c", "1")]]],
    ["refund_of_unknown_event", [reserve, ["commit", exact, 1_000, "c1"], ["refund", refundOf("c2", "1")]]],
    ["amounts_do_not_conserve", [reserve, ["ttl_expired", { ...expired, capacity_returned_atomic: "999" }, 600_001]]],
    ["amounts_do_not_conserve", [reserve, ["commit", exact, 1_000, "c1"], ["refund", refundOf("c1", "1001")]]],
    ["commit_after_quarantine", [reserve, ["overage_rejected", overage], ["commit", exact]]],
    ["release_after_quarantine", [reserve, ["overage_rejected", overage], ["release", {}]]],
    [
      "replay_without_commit",
      [reserve, ["release", {}], ["replay_rejected", { idempotency_key: "k", conflict_field: "f" }]],
    ],
    ["missing_overage_charged", [reserve, ["commit", { amount_atomic_observed: "1200", charge_amount_atomic: "200" }]]],
    ["several_reservations", [reserve, atTtl, ["late_commit", { reservation_id: "r2", ...lateBy(5) }, 600_005]]],
    // ASP §3.2, with the grace window that the authority publishes.
    ["commit_after_expiry", [reserve, ["commit", exact, 601_500]]],
    ["commit_after_expiry", [reserve, atTtl, ["commit", exact, 600_100]]],
    ["expired_early", [reserve, ["ttl_expired", expired, 500_000]]],
    [
      "ttl_differs",
      [reserve, ["ttl_expired", { ...expired, ttl_expires_at: new Date(ttlMs - 1).toISOString() }, 600_001]],
    ],
    ["release_after_expiry", [reserve, atTtl, ["release", {}, 600_100]]],
    ["expired_after_end", [reserve, ["overage_rejected", overage], atTtl]],
    ["expired_after_end", [reserve, ["commit", exact], atTtl]],
    ["refund_before_commit", [reserve, ["refund", refundOf("c1", "1"), 1_000], ["commit", exact, 9_000, "c1"]]],
    ["release_after_expiry", [reserve, ["release", {}, 602_000]]],
    ["settled_beyond_grace", [reserve, atTtl, ["late_commit", lateBy(40_000), 640_000]]],
    ["grace_used_differs", [reserve, atTtl, ["late_commit", lateBy(5), 620_000]]],
    ["late_before_ttl", [reserve, ["ttl_expired", expired, 600_001], ["late_commit", lateBy(0), 598_000]]],
    ["gap_within_grace", [reserve, atTtl, ["reconciliation_gap", gapOf(0), 610_000]]],
    ["gap_time_differs", [reserve, atTtl, ["reconciliation_gap", gapOf(60_000), 640_000]]],
    [
      "ttl_before_reserve",
      [
        ["reserve", reserveData("1000", -5_000)],
        ["overage_rejected", overage, -4_000],
      ],
    ],
    ["ends_before_reserve", [reserve, ["release", {}, -1_500]]],
  ])("finds %s", async (code, events) => {
    const { codes } = await audit(await linesOf(events), { graceWindowMs: 30_000 });
    expect(new Set(codes)).toContain(code);
    // One rule is broken, and one that the same lie breaks beside it at the most.
    expect(codes.length).toBeLessThanOrEqual(2);
  });

  it("takes clocks of replicas that are a second apart for one, and no more", async () => {
    const atOnce: Step = ["ttl_expired", expired, 599_000];
    expect((await audit(await linesOf([reserve, atOnce]))).codes).toEqual([]);
    expect((await audit(await linesOf([reserve, atOnce]), { clockSkewMs: 999 })).codes).toEqual(["expired_early"]);
    const [grant = "", release = ""] = await linesOf([reserve, ["release", {}, -40]]);
    expect((await audit([release, grant], { order: "feed" })).codes).toEqual([]);
  });

  it("finds an event that is dated before one of a lower number, whatever the order of the lines", async () => {
    const denied = { ...reserveData(), decision: "DENY" };
    const lines = [
      await line("reserve", 1, denied, { sequence: 1, atMs: startMs + 5_000 }),
      await line("reserve", 2, denied, { sequence: 2, atMs: startMs }),
      await line("reserve", 3, denied, { sequence: 3, atMs: startMs + 4_500 }),
    ];
    expect((await audit(lines, { order: "feed" })).codes).toEqual(["time_runs_back"]);
  });

  it("a repeated event is a warning, another event under its id an alarm", async () => {
    const reserve = await line("reserve", 1, reserveData(), { id: "e1" });
    const other = await line("reserve", 1, reserveData("999"), { id: "e1" });
    const { all } = await audit([reserve, reserve, other]);
    expect(all.map(({ code, severity }) => [code, severity])).toEqual([
      ["duplicate", "warning"],
      ["conflicting_duplicate", "error"],
    ]);
  });

  it("a numbered feed shows what was removed, and where a part was cut off", async () => {
    const lines = await Promise.all(
      [1, 2, 3, 4].map((sequence) => line("reserve", sequence, { ...reserveData(), decision: "DENY" }, { sequence })),
    );
    expect((await audit(lines)).codes).toEqual([]);
    const { findings } = await audit(lines.toSpliced(1, 2));
    expect(findings.map(({ message }) => message)).toEqual([
      `The feed of ${signer.source} lacks events 2 to 3: removed.`,
    ]);
    expect((await audit(lines.toSpliced(0, 1))).codes).toEqual(["sequence_gap"]);
    const { checkpoint: since } = await audit(lines.slice(0, 2));
    expect(since.sources).toMatchObject([{ source: signer.source, ranges: [[1, 2]], judgedTo: 2 }]);
    expect((await audit(lines.slice(2), { since })).codes).toEqual([]);
    expect((await audit(lines.slice(3), { since })).codes).toEqual(["sequence_gap"]);
    expect((await audit([lines[1] ?? "", lines[0] ?? ""], { order: "feed" })).codes).toEqual(["out_of_order"]);
  });

  it("a promised event that never came is found, without numbers too", async () => {
    const reserve = await line("reserve", 1, reserveData());
    const commit = await line("commit", 1, { ...of, amount_atomic_observed: "1000", exact_match: true }, later);
    const signature = (text: string): string => (JSON.parse(text) as { aspsignature: string }).aspsignature;
    const promised = [
      { verb: "reserve" as const, reservationId: "r1", idempotencyKey: "k", signature: signature(reserve) },
      { verb: "commit" as const, reservationId: "r1", idempotencyKey: "k", signature: signature(commit) },
    ];
    expect((await audit([reserve, commit], { promised })).codes).toEqual([]);
    expect((await audit([reserve], { promised })).codes).toEqual(["promised_event_missing"]);
    expect((await audit([], { promised })).codes).toEqual(["promised_event_missing", "promised_event_missing"]);
  });

  it("without promises it says what it cannot prove", async () => {
    const reserve = await line("reserve", 1, reserveData());
    const { codes, open, unproven } = await audit([reserve]);
    expect({ codes, open }).toEqual({ codes: [], open: 1 });
    expect(unproven.map(({ code }) => code)).toEqual(["spend_truth", "tail_complete", "removal", "grace"]);
  });

  it("an end that was removed shows once the TTL has passed within the feed", async () => {
    const reserve = await line("reserve", 1, reserveData());
    const much = await line("reserve", 2, { ...reserveData(), decision: "DENY" }, { atMs: startMs + 700_000 });
    expect((await audit([reserve, much])).codes).toEqual(["missing_end"]);
  });

  it("what is not authentic takes no part, and is counted", async () => {
    const altered = (await line("reserve", 1, reserveData())).replace('"1000"', '"1001"');
    expect(await audit([altered])).toMatchObject({ events: 0, rejected: 1, decisions: 0 });
  });

  it("a feed is verified as a stream; an endless line is reported, not read", async () => {
    const lines = [await line("reserve", 1, { ...reserveData(), decision: "DENY" }), "x".repeat(5_000), "{}"];
    async function* source(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode(lines.join("\n"));
    }
    const feed = verifyAuditFeed(source(), { trust, maxLineBytes: 2_000 });
    const seen: string[] = [];
    let next = await feed.next();
    while (!next.done) {
      seen.push(`${next.value.lineNumber} ${next.value.report.findings[0]?.code ?? "clean"}`);
      next = await feed.next();
    }
    expect(seen).toEqual(["1 clean", "2 too_large", "3 not_an_event"]);
    expect(next.value).toMatchObject({ events: 1, rejected: 2 });
  });

  it.each([true, false])(
    "what expired wrongly is reported, whether one without an end stands first (%s)",
    async (isFirst) => {
      const template = await verifyAuditEvent(await line("reserve", 1, reserveData()), { trust });
      const auditor = createAuditor();
      const codes: string[] = [];
      const add = (suffix: string, decision: number, atMs: number, more: object): void => {
        const event_time = new Date(startMs + atMs).toISOString();
        const id = `${suffix}-${decision}`;
        const data = { decision_id: `d${decision}`, kid: "k1", event_time, reservation_id: `r${decision}`, ...more };
        const event = { ...template.event, id, suffix, time: event_time, data } as typeof template.event;
        codes.push(...auditor.add({ ...template, event, signature: id }).map(({ code }) => code));
      };
      const reserved = (atMs: number): object => {
        const ttl_expires_at = new Date(startMs + atMs).toISOString();
        return { ...reserveData(), amount_atomic_reserved: 1_000n, ttl_expires_at };
      };
      if (isFirst) add("reserve", 0, 0, reserved(0));
      for (let decision = 1; decision <= 2_000; decision += 1) {
        const atMs = decision * 60_000;
        const { ttl_expires_at } = reserved(atMs) as { ttl_expires_at: string };
        add("reserve", decision, atMs, reserved(atMs));
        const capacity_returned_atomic = decision === 5 ? 999n : 1_000n;
        add("ttl_expired", decision, atMs + 1, { ttl_expires_at, capacity_returned_atomic });
      }
      expect(codes).toEqual(["amounts_do_not_conserve"]);
      const { findings, open } = auditor.finish();
      expect(findings.map(({ code }) => code)).toEqual(isFirst ? ["missing_end"] : []);
      // Only the last hour is kept, whatever stands before it.
      expect(open).toBeLessThan(100);
    },
  );

  it("keeps no history: memory is that of open reservations", async () => {
    const auditor = createAuditor({ index: createMemoryIndex({ entries: 50 }) });
    const template = await verifyAuditEvent(await line("reserve", 1, reserveData()), { trust });
    const end = await verifyAuditEvent(await line("release", 1, of, later), { trust });
    global.gc?.();
    const before = process.memoryUsage().heapUsed;
    for (let at = 0; at < 100_000; at += 1) {
      const decision_id = `d${at}`;
      for (const { event, ...report } of [template, end]) {
        const changed = { ...event, id: `${event?.suffix}${at}`, data: { ...event?.data, decision_id } } as never;
        auditor.add({ ...report, signature: `${at}${event?.suffix}`, event: changed });
      }
    }
    global.gc?.();
    expect(auditor.finish()).toMatchObject({ events: 200_000, open: 0, findings: [] });
    // 200,000 events kept would be some 200 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000_000);
  });
});

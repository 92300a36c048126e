import { beforeAll, describe, expect, it } from "vitest";
import {
  type AuditConclusion,
  type AuditFinding,
  type AuditTrust,
  type AuditorOptions,
  createAuditor,
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
const expired = { ...of, ttl_expires_at: new Date(startMs).toISOString(), capacity_returned_atomic: "1000" };

describe("createAuditor, asp 6 28", () => {
  it.each([
    ["exact", [["commit", { amount_atomic_observed: "1000", exact_match: true }]]],
    ["refunded in part", [["commit", { amount_atomic_observed: "87", refund_amount_atomic: "913" }]]],
    ["released", [["release", {}]]],
    [
      "late",
      [
        ["ttl_expired", expired],
        ["late_commit", { amount_atomic_observed: "87", grace_window_ms_used: 5 }],
      ],
    ],
    [
      "charged beyond",
      [
        [
          "overage_charged",
          {
            amount_atomic_observed: "1200",
            amount_atomic_reserved: "1000",
            overage_amount_atomic: "200",
            policy: "charge_overage",
          },
        ],
      ],
    ],
    [
      "beyond grace",
      [
        ["ttl_expired", expired],
        ["reconciliation_gap", { amount_atomic_observed: "9", time_past_grace_ms: "7" }],
      ],
    ],
    [
      "refunded after its commit",
      [
        ["commit", { amount_atomic_observed: "1000", exact_match: true }],
        ["refund", { amount_atomic_refunded: "1000", original_commit_event_id: "c" }],
      ],
    ],
  ] as const)("a life that is %s is clean, in any order", async (_name, rest) => {
    const lines = [await line("reserve", 1, reserveData())];
    for (const [suffix, data] of rest) lines.push(await line(suffix, 1, { ...of, ...data }, later));
    for (const order of [lines, lines.toReversed()]) {
      expect(await audit(order)).toMatchObject({ all: [], events: lines.length, decisions: 1, open: 0 });
    }
  });

  it.each([
    ["missing_reserve", [["commit", { amount_atomic_observed: "5", exact_match: true }]]],
    [
      "commit_and_release",
      [
        ["reserve", reserveData()],
        ["release", {}],
        ["commit", { amount_atomic_observed: "1000", exact_match: true }],
      ],
    ],
    [
      "several_ends",
      [
        ["reserve", reserveData()],
        ["release", {}],
        ["release", {}],
      ],
    ],
    [
      "events_after_denial",
      [
        ["reserve", { ...reserveData(), decision: "DENY" }],
        ["release", {}],
      ],
    ],
    [
      "missing_ttl_expired",
      [
        ["reserve", reserveData()],
        ["late_commit", { amount_atomic_observed: "1", grace_window_ms_used: 5 }],
      ],
    ],
    [
      "amounts_do_not_conserve",
      [
        ["reserve", reserveData()],
        ["commit", { amount_atomic_observed: "87", refund_amount_atomic: "900" }],
      ],
    ],
    [
      "refund_without_commit",
      [
        ["reserve", reserveData()],
        ["release", {}],
        ["refund", { amount_atomic_refunded: "1", original_commit_event_id: "c" }],
      ],
    ],
    [
      "amounts_do_not_conserve",
      [
        ["reserve", reserveData()],
        ["ttl_expired", { ...expired, capacity_returned_atomic: "999" }],
      ],
    ],
    [
      "amounts_do_not_conserve",
      [
        ["reserve", reserveData()],
        ["commit", { amount_atomic_observed: "1000", exact_match: true }],
        ["refund", { amount_atomic_refunded: "1001", original_commit_event_id: "c" }],
      ],
    ],
    [
      "commit_after_quarantine",
      [
        ["reserve", reserveData()],
        [
          "overage_rejected",
          { amount_atomic_observed: "1200", amount_atomic_reserved: "1000", overage_amount_atomic: "200" },
        ],
        ["commit", { amount_atomic_observed: "1000", exact_match: true }],
      ],
    ],
    [
      "several_reservations",
      [
        ["reserve", reserveData()],
        ["ttl_expired", expired],
        ["release", { reservation_id: "r2" }],
      ],
    ],
  ] as const)("finds %s", async (code, events) => {
    const lines: string[] = [];
    for (const [suffix, data] of events)
      lines.push(await line(suffix, 1, suffix === "reserve" ? data : { ...of, ...data }, later));
    expect((await audit(lines)).codes).toEqual([code]);
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
      `Events 2 to 3 of ${signer.source} are not here: they were removed.`,
    ]);
    expect((await audit(lines.toSpliced(0, 1))).codes).toEqual(["sequence_gap"]);
    const { checkpoint } = await audit(lines.slice(0, 2));
    expect(checkpoint).toEqual({ [signer.source]: 2 });
    expect((await audit(lines.slice(2), { since: checkpoint })).codes).toEqual([]);
    expect((await audit(lines.slice(3), { since: checkpoint })).codes).toEqual(["sequence_gap"]);
    expect((await audit([], { since: checkpoint })).codes).toEqual(["truncated"]);
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
    expect(unproven.map(({ code }) => code)).toEqual(["spend_truth", "tail_complete", "removal"]);
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
    "what expired wrongly is told, whether one without an end stands first (%s)",
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
      const ttl_expires_at = new Date(startMs).toISOString();
      const reserved = { ...reserveData(), amount_atomic_reserved: 1_000n, ttl_expires_at };
      if (isFirst) add("reserve", 0, 0, reserved);
      for (let decision = 1; decision <= 2_000; decision += 1) {
        const atMs = decision * 60_000;
        add("reserve", decision, atMs, reserved);
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
    const auditor = createAuditor({ finishedMemory: 10 });
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

import { amount } from "@imprest/core";
import { type Finding, type JsonObject, signAuditEvent } from "@imprest/core/audit";
import type { AuditSuffix } from "@imprest/core/models/asp";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type AuditEventReport,
  type AuditTrust,
  type AuditorOptions,
  createAuditor,
  verifyAuditEvent,
  verifyAuditFeed,
} from "../../src/audit/index.ts";
import { AspAuthority, type PromisedEvent, guard } from "../../src/index.ts";
import { budgetId, createManualClock, feedOf, openHouse, seed, trustIn, unit } from "./support.ts";

let lines: string[];
let promised: PromisedEvent[];
let trust: AuditTrust;

/** Each line is verified once: the same bytes have the same report. */
const reports = new Map<string, AuditEventReport>();

/** Codes of everything found in a feed; what cannot be proven is not among them. */
async function audit(feed: readonly string[], { promised: pins }: Pick<AuditorOptions, "promised">): Promise<string[]> {
  const auditor = createAuditor({ promised: pins, order: "feed" });
  const found: Finding[] = [];
  for (const line of feed) {
    const report = reports.get(line) ?? (await verifyAuditEvent(line, { trust }));
    reports.set(line, report);
    found.push(...report.findings.filter(({ severity }) => severity === "error"), ...auditor.add(report));
  }
  return [...found, ...auditor.finish().findings].map(({ code }) => code);
}

function parsed(line: string | undefined): { type: string; data: Record<string, unknown> } {
  return JSON.parse(line ?? "{}") as { type: string; data: Record<string, unknown> };
}

beforeAll(async () => {
  const clock = createManualClock(Date.now() - 3_600_000);
  const house = await openHouse({ clock, asp: { ttlMs: 60_000, graceWindowMs: 30_000 } }, { closes: false });
  const authority = new AspAuthority(house.client(), { budget: { budgetId } });
  const request = { estimate: amount(unit, 400), action: { kind: "llm.completion", name: "m" } };
  const call = guard(authority, request, async (reservation, run: number) => {
    if (run % 5 === 4) {
      reservation.unspent();
      throw new Error("the provider failed");
    }
    if (run % 7 === 6) await clock.advance(61_000);
    reservation.spend(amount(unit, run % 3 === 0 ? 400 : 100 + run));
  });
  for (let run = 0; run < 20; run += 1) {
    await call(run).catch(() => {});
    await clock.advance(10);
  }
  await clock.advance(1_000);
  lines = await feedOf(house);
  trust = await trustIn(house);
  ({ promised } = house);
  await house.embedded.close();
});

describe("an agent guarded over ASP, its feed saved, then tampered with", () => {
  it("the feed as it is: clean", async () => {
    expect(lines.length).toBeGreaterThan(40);
    async function* source(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode(lines.join("\n"));
    }
    const feed = verifyAuditFeed(source(), { trust, promised });
    let next = await feed.next();
    for (; !next.done; next = await feed.next()) {
      expect([next.value.report.findings, next.value.lifecycle]).toEqual([[], []]);
    }
    expect(next.value).toMatchObject({ events: lines.length, decisions: 20, rejected: 0, open: 0, findings: [] });
    expect(new Set(lines.map((line) => parsed(line).type.split(".").at(-1)))).toEqual(
      new Set(["reserve", "commit", "release", "ttl_expired", "late_commit"]),
    );
  });

  it("each line deleted, each reservation deleted, the tail cut, lines swapped, amounts edited, types relabelled: found", async () => {
    const counts = await tamper(lines, { "numbered, pinned": promised, "numbered, unpinned": [] });
    console.log(`tamper run over ${lines.length} events:`, counts);
    for (const [name, { found, of }] of Object.entries(counts)) {
      // A feed that was cut at its end is whole as far as it goes: only promises show it. Deleting the last line, or the
      // last reservation, is such a cut.
      if (name === "tail cut (numbered, unpinned)") expect(found).toBe(0);
      else if (name.endsWith("deleted (numbered, unpinned)")) expect({ name, found }).toEqual({ name, found: of - 1 });
      else expect({ name, found }).toEqual({ name, found: of });
    }
  });

  it("the same without numbers, as other authorities sign: promises find what signatures cannot", async () => {
    const resigned = await Promise.all(lines.map((line) => withoutNumber(line)));
    const renamed = new Map(lines.map((line, at) => [signatureOf(line), signatureOf(resigned[at] ?? "")]));
    const pins = promised.map((promise) => ({ ...promise, signature: renamed.get(promise.signature) ?? "" }));
    expect(await audit(resigned, { promised: pins })).toEqual([]);
    const counts = await tamper(resigned, { pinned: pins, unpinned: [] });
    console.log(`tamper run over ${resigned.length} events without numbers:`, counts);
    for (const name of ["line edited", "type relabelled"]) {
      for (const mode of ["pinned", "unpinned"])
        expect(counts[`${name} (${mode})`]?.found).toBe(counts[`${name} (${mode})`]?.of);
    }
    expect(counts["reservation deleted (pinned)"]?.found).toBe(counts["reservation deleted (pinned)"]?.of);
    expect(counts["reservation deleted (unpinned)"]?.found).toBe(0);
    expect(counts["tail cut (pinned)"]?.found).toBe(counts["tail cut (pinned)"]?.of);
  });
});

type Counts = Record<string, { found: number; of: number }>;

/** Every tampering in turn, under each set of promises. */
async function tamper(
  feed: readonly string[],
  modes: Readonly<Record<string, readonly PromisedEvent[]>>,
): Promise<Counts> {
  const counts: Counts = {};
  for (const [mode, pins] of Object.entries(modes)) {
    for (const [name, changed] of tamperings(feed)) {
      const count = (counts[`${name} (${mode})`] ??= { found: 0, of: 0 });
      count.of += 1;
      if ((await audit(changed, { promised: pins })).length > 0) count.found += 1;
    }
  }
  return counts;
}

function* tamperings(feed: readonly string[]): Generator<[name: string, feed: readonly string[]]> {
  for (const [at, line] of feed.entries()) {
    yield ["line deleted", feed.toSpliced(at, 1)];
    if (at > 0) yield ["tail cut", feed.slice(0, at)];
    const next = feed[at + 1];
    if (next !== undefined) yield ["lines swapped", feed.toSpliced(at, 2, next, line)];
    const edited = line.replace(/"(amount_atomic_\w+|capacity_returned_atomic)":"(\d+)"/, '"$1":"7$2"');
    if (edited !== line) yield ["line edited", feed.toSpliced(at, 1, edited)];
    const other = (type: string): string => (type.includes("commit") ? '.audit.release"' : '.audit.commit"');
    yield ["type relabelled", feed.toSpliced(at, 1, line.replace(/\.audit\.\w+"/, other))];
  }
  for (const decision of new Set(feed.map(decisionOf))) {
    yield ["reservation deleted", feed.filter((line) => decisionOf(line) !== decision)];
  }
}

function decisionOf(line: string): unknown {
  return parsed(line).data["decision_id"];
}

function signatureOf(line: string): string {
  return (JSON.parse(line) as { aspsignature: string }).aspsignature;
}

async function withoutNumber(line: string): Promise<string> {
  const { id, time, source, data, type } = JSON.parse(line) as Record<string, string> & { readonly data: JsonObject };
  const { runtime_metadata: metadata, ...rest } = data;
  const { feed_sequence: _, ...kept } = metadata as JsonObject;
  const signer = { source: source ?? "", typePrefix: "imprest", kid: "k1", privateKey: seed };
  const suffix = (type ?? "").replace("imprest.audit.", "") as AuditSuffix;
  return signAuditEvent(suffix, { ...rest, runtime_metadata: kept }, signer, Date.parse(time ?? ""), id);
}

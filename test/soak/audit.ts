// `pnpm soak:audit [--events N] [--index FILE]`: one auditor over a feed of any length, without signatures. Its memory must
// be as flat after the last million events as after the first.
import { parseArgs } from "node:util";
import { type AuditEventReport, createAuditor } from "@imprest/asp/audit";
import { openFileIndex } from "@imprest/asp/node";

const options = { events: { type: "string", default: "10000000" }, index: { type: "string" } } as const;
const { values } = parseArgs({ options });
const pairs = Math.ceil(Number(values.events) / 2);
const mostGrowthMib = 64;
const startMs = Date.parse("2026-06-01T00:00:00Z");
const source = "https://authority.example/asp/acme";

/** The reserve of a decision, or the commit that ends it, as verification reports them. */
function reportOf(at: number, suffix: "reserve" | "commit"): AuditEventReport {
  const atMs = startMs + at * 20 + (suffix === "commit" ? 10 : 0);
  const time = new Date(atMs).toISOString();
  const common = {
    decision_id: `018f6b2e-7c1a-7000-8000-${String(at).padStart(12, "0")}`,
    reservation_id: `r-${at}`,
    kid: "k1",
    event_time: time,
    runtime_metadata: { feed_sequence: at * 2 + (suffix === "commit" ? 2 : 1) },
  };
  const envelope = { id: `${suffix}-${at}`, source, type: `org.agentspend.audit.${suffix}`, time } as const;
  const read = { ...envelope, datacontenttype: "application/json" };
  const base = { profile: "asp-jcs-v1", unsigned: [], findings: [], disposition: "authentic" } as const;
  const signature = `${suffix}-${at}`.padStart(86, "s");
  if (suffix === "commit") {
    const data = { ...common, amount_atomic_observed: 700n, refund_amount_atomic: 300n };
    return { ...base, signature, event: { ...read, suffix, data } };
  }
  const ttl_expires_at = new Date(atMs + 600_000).toISOString();
  const granted = { budget_id: "team", unit: "output_token", decision: "ALLOW", amount_atomic_reserved: 1_000n };
  return { ...base, signature, event: { ...read, suffix, data: { ...common, ...granted, ttl_expires_at } } };
}

const index = values.index === undefined ? undefined : openFileIndex(values.index);
const auditor = createAuditor({ order: "feed", graceWindowMs: 30_000, index });
const heaps: number[] = [];
const began = performance.now();
let found = 0;
for (let at = 0; at < pairs; at += 1) {
  found += auditor.add(reportOf(at, "reserve")).length + auditor.add(reportOf(at, "commit")).length;
  if ((at + 1) % Math.max(1, Math.floor(pairs / 10)) !== 0) continue;
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  heaps.push(heapUsed / 1_048_576);
  const perSecond = Math.round(((at + 1) * 2 * 1_000) / (performance.now() - began));
  console.log(
    `${(at + 1) * 2} events: heap ${heaps.at(-1)?.toFixed(0)} MiB, rss ${(rss / 1_048_576).toFixed(0)} MiB, ${perSecond}/s`,
  );
}
const { events, findings } = auditor.finish();
index?.close();
const growth = Math.max(...heaps) - (heaps[0] ?? 0);
console.log(`${events} events, ${found + findings.length} findings, heap grew by ${growth.toFixed(0)} MiB`);
if (found + findings.length > 0 || growth > mostGrowthMib) process.exitCode = 1;

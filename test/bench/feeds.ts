import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { type AuditEventReport, createAuditTrust, createAuditor, verifyAuditEvent } from "@imprest/asp/audit";
import { eventAt, imprestVerify, origin, publicJwks, publicKey, readSigned, signedLines } from "./audit-feed.ts";
import { type Effort, type Group, type Mode, compare, timed } from "./measure.ts";
import { scratchFolder } from "./scratch-folder.ts";

const sizes = [1_000, 10_000, 100_000, 1_000_000];
const sampled = 2_000;
/** A short feed is read several times a round. */
const leastRead = 10_000;
const rawVerified = 20_000;

/** ASP feeds of different lengths: `imprest verify` from the file to the verdict, and what the auditor alone costs. */
export async function* feeds(effort: Effort): AsyncGenerator<Group> {
  await using folder = await scratchFolder();
  const lengths = sizes.map((size) => 2 * effort.count(size / 2));
  const file = folder.pathOf("feed.ndjson");
  const ends = await writeFeed(file, lengths);
  const lines = await signedLines(0, sampled);
  const raw = await rawVerify(lines, effort.count(rawVerified));
  for (const [at, events] of lengths.entries()) {
    const read = (): AsyncIterable<Uint8Array> => createReadStream(file, { end: (ends[at] ?? 0) - 1 });
    const count = Math.ceil(effort.count(leastRead) / events);
    const long = events > 200_000;
    yield await compare(
      { title: `ASP feed, ${events} events`, unit: "events/s", rounds: effort.rounds(long ? 2 : 5), warmUp: !long },
      { "raw WebCrypto": raw, "imprest verify": timed(() => imprestVerify(read), { count, per: events }) },
    );
  }
  const [reserve, commit] = await verified(lines.slice(0, 2));
  for (const events of lengths) {
    const options = { count: Math.ceil(effort.count(leastRead) / events), per: events, watchLoop: false };
    yield await compare(
      { title: `auditor without signatures, ${events} events`, unit: "events/s", rounds: effort.rounds(5) },
      {
        "raw JSON.parse": timed(() => parseAll(lines, events), options),
        auditor: timed(() => auditAll([reserve, commit], events), options),
      },
    );
  }
}

/** Writes the longest feed. @returns where each of the shorter ones ends in it, in bytes. */
async function writeFeed(file: string, lengths: readonly number[]): Promise<number[]> {
  await using feed = await open(file, "w");
  const ends: number[] = [];
  let written = 0;
  let at = 0;
  for (const length of lengths) {
    while (at < length) {
      const to = Math.min(at + 2_000, length);
      const { bytesWritten } = await feed.write(`${(await signedLines(at, to)).join("\n")}\n`);
      written += bytesWritten;
      at = to;
    }
    ends.push(written);
  }
  return ends;
}

/** What nobody can do without: the signatures, the messages laid ready. */
async function rawVerify(lines: readonly string[], count: number): Promise<Mode> {
  const key = await crypto.subtle.importKey("raw", await publicKey(), "Ed25519", false, ["verify"]);
  const signed = lines.map(readSigned);
  let next = 0;
  const one = async (): Promise<void> => {
    const sample = signed[next++ % signed.length];
    if (!sample || !(await crypto.subtle.verify("Ed25519", key, sample.signature, sample.message))) {
      throw new Error("a valid signature was refused");
    }
  };
  return timed(one, { count, inFlight: 64 });
}

function parseAll(lines: readonly string[], events: number): void {
  for (let at = 0; at < events; at += 1) JSON.parse(lines[at % lines.length] ?? "");
}

async function verified(lines: readonly string[]): Promise<[AuditEventReport, AuditEventReport]> {
  const trust = createAuditTrust({ origins: [origin], jwks: { [origin]: await publicJwks() } });
  const reports = await Promise.all(lines.map((line) => verifyAuditEvent(line, { trust })));
  const [reserve, commit] = reports;
  if (reserve?.event === undefined || commit?.event === undefined) throw new Error("a valid event was refused");
  return [reserve, commit];
}

function auditAll(templates: readonly [AuditEventReport, AuditEventReport], events: number): void {
  const auditor = createAuditor({ order: "feed" });
  let findings = 0;
  for (let at = 0; at < events; at += 1) findings += auditor.add(reportAt(templates, at)).length;
  const { findings: atEnd, open } = auditor.finish();
  if (findings + atEnd.length + open > 0) throw new Error("The auditor found something in a clean feed.");
}

/** What verifying the feed's event would establish, made of one that was verified. */
function reportAt(templates: readonly [AuditEventReport, AuditEventReport], at: number): AuditEventReport {
  const report = at % 2 === 0 ? templates[0] : templates[1];
  const { timeMs, data } = eventAt(at);
  const { decision_id, reservation_id, ttl_expires_at } = data;
  const time = new Date(timeMs).toISOString();
  const itsOwn = { decision_id, reservation_id, event_time: time, ...(ttl_expires_at && { ttl_expires_at }) };
  const event = { ...report.event, id: `e-${at}`, time, data: { ...report.event?.data, ...itsOwn } };
  return { ...report, event: event as AuditEventReport["event"], signature: `s-${at}` };
}

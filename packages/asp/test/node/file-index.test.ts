import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type AuditTrust,
  createAuditor,
  createMemoryIndex,
  openCheckpoint,
  sealCheckpoint,
  verifyAuditEvent,
} from "../../src/audit/index.ts";
import { openFileIndex } from "../../src/node/index.ts";
import { line, reserveData, startMs, trustSigner } from "../audit/support.ts";

const folder = mkdtempSync(join(tmpdir(), "imprest-index-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const pathOf = (name: string): string => join(folder, name);

let trust: AuditTrust;
beforeAll(async () => {
  trust = await trustSigner();
});

/** A reservation and its release, and another decision that uses the reservation again. */
async function decisions(count: number): Promise<string[][]> {
  return Promise.all(
    Array.from({ length: count }, async (_, at) => [
      await line("reserve", at, reserveData(), { atMs: startMs + at * 10 }),
      await line("release", at, { reservation_id: `r${at}` }, { atMs: startMs + at * 10 + 5 }),
    ]),
  );
}

describe("openFileIndex", () => {
  it("finds an old reservation that is replayed, where memory has forgotten it and says so", async () => {
    const lives = await decisions(60);
    const feed = [...lives.flat(), ...(lives[0] ?? [])];
    const run = async (index: Parameters<typeof createAuditor>[0]) => {
      const auditor = createAuditor(index);
      const codes: string[] = [];
      for (const text of feed) codes.push(...auditor.add(await verifyAuditEvent(text, { trust })).map((it) => it.code));
      return { codes, conclusion: auditor.finish() };
    };
    const index = openFileIndex(pathOf("replay"));
    const kept = await run({ index });
    expect(kept).toMatchObject({ codes: ["duplicate", "duplicate"], conclusion: { events: 120, repeated: 2 } });
    expect(kept.conclusion.unproven.map(({ code }) => code)).not.toContain("compared_from");
    index.close();
    const forgotten = await run({ index: createMemoryIndex({ entries: 40 }) });
    expect(forgotten).toMatchObject({ codes: [], conclusion: { events: 122, repeated: 0 } });
    expect(forgotten.conclusion.unproven.map(({ code }) => code)).toContain("compared_from");
  });

  it("goes on with a later audit, and is undone where an audit breaks off", async () => {
    const [[reserve = "", release = ""] = []] = await decisions(1);
    const event = async (text: string) => verifyAuditEvent(text, { trust });
    const first = openFileIndex(pathOf("days"));
    expect(first.checkpoint).toBeUndefined();
    const auditor = createAuditor({ index: first, order: "feed" });
    auditor.add(await event(reserve));
    auditor.add(await event(release));
    const sealed = await sealCheckpoint(auditor.finish({ more: true }).checkpoint);
    const { sha256, checkpoint } = await openCheckpoint(sealed);
    expect(checkpoint.remembered).toBeUndefined();
    first.commit(sha256);
    first.set("broken off", "x", startMs);
    first.close();
    first.close();

    const again = openFileIndex(pathOf("days"));
    expect(again.checkpoint).toBe(sha256);
    expect(again.get("broken off")).toBeUndefined();
    expect(() => createAuditor({ since: checkpoint })).toThrow("give the same index");
    const second = createAuditor({ index: again, since: checkpoint, order: "feed" });
    expect(second.add(await event(release))).toMatchObject([{ code: "duplicate", severity: "warning" }]);
    again.close();
  });

  it("refuses what is no index, and an index that another audit has open", () => {
    writeFileSync(pathOf("text"), "no database, and longer than the header of one".repeat(20));
    expect(() => openFileIndex(pathOf("text"))).toThrow("cannot be used as an index");
    const other = new DatabaseSync(pathOf("other"));
    other.exec("CREATE TABLE t (x)");
    other.close();
    expect(() => openFileIndex(pathOf("other"))).toThrow("another SQLite database");
    const open = openFileIndex(pathOf("busy"));
    expect(() => openFileIndex(pathOf("busy"))).toThrow(/locked/);
    open.close();
  });
});

import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { tokens } from "@imprest/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LedgerUnavailableError, createEmbeddedAuthority } from "../../src/index.ts";
import { backupLedger, checkLedger, sqliteStore } from "../../src/node/index.ts";

const scope = { tenant: "acme", agent: "bot" };
const address = { scope, unit: "TOKENS" };
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "imprest-ledger-"));
  file = join(directory, "ledger.sqlite");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (name = file) => createEmbeddedAuthority({ store: sqliteStore({ file: name }) });
const reserve = (authority: ReturnType<typeof open>, key: string) =>
  authority
    .authority({ tenant: "acme", subject: { agent: "bot" } })
    .reserve({ estimate: tokens(30), action: { kind: "k" } }, { idempotencyKey: key });

/** Writes to the file as nobody should. */
function damage(sql: string, name = file): void {
  const database = new DatabaseSync(name);
  expect(database.prepare(sql).run().changes).toBe(1);
  database.close();
}

async function written(): Promise<void> {
  const authority = open();
  await authority.budgets.create({ scope, allocated: tokens(100) });
  await reserve(authority, "r");
  await authority.close();
}

describe("a ledger's file", () => {
  it.each([
    [
      "a value",
      `UPDATE entry SET value = replace(value, '"allocated":100', '"allocated":900') WHERE key LIKE 'budget/%'`,
    ],
    ["a key", `UPDATE entry SET key = key || 'x' WHERE key LIKE 'budget/%'`],
    ["a checksum", `UPDATE entry SET checksum = 0 WHERE key LIKE 'budget/%'`],
  ])("is refused by the name of the entry when %s has changed, and stays as it is", async (_what, sql) => {
    await written();
    damage(sql);
    const before = await checkLedger(file);
    expect(() => open()).toThrow(LedgerUnavailableError);
    expect(() => open()).toThrow(
      /is damaged: "budget\/acme\/tenant:acme\/agent:botx?\/TOKENSx?" is not what was written/,
    );
    expect(() => open()).toThrow("Restore a copy");
    expect(before.findings).toEqual([expect.stringContaining("budget/acme/tenant:acme/agent:bot")]);
    expect(await checkLedger(file)).toEqual(before);
  });

  it("is checked and backed up without a trace beside it when nobody has it open", async () => {
    await written();
    expect((await checkLedger(file)).findings).toEqual([]);
    await backupLedger(file, join(directory, "copy.sqlite"));
    expect((await checkLedger(join(directory, "copy.sqlite"))).findings).toEqual([]);
    expect(readdirSync(directory).filter((name) => /-(wal|shm|journal)$/.test(name))).toEqual([]);
  });

  it("is refused when a reservation is missing, which no checksum of another entry shows", async () => {
    await written();
    damage("DELETE FROM entry WHERE key LIKE 'reservation/%'");
    expect(() => open()).toThrow("reserved 30, while its active reservations hold 0");
    expect((await checkLedger(file)).findings).toEqual([expect.stringContaining("tenant:acme/agent:bot in TOKENS")]);
  });

  it("of the version without checksums is opened as it was, and has them from then on", async () => {
    await written();
    const database = new DatabaseSync(file);
    database.exec("ALTER TABLE entry DROP COLUMN checksum; PRAGMA user_version = 2;");
    database.close();
    await expect(checkLedger(file)).rejects.toThrow("open it once to add them");
    const again = open();
    expect(await again.budgets.get(address)).toMatchObject({ allocated: 100n, reserved: 30n });
    await again.close();
    expect((await checkLedger(file)).findings).toEqual([]);
    damage("UPDATE entry SET value = value || ' ' WHERE key LIKE 'budget/%'");
    expect(() => open()).toThrow("is damaged");
  });
});

describe("checkLedger", () => {
  it("checks a file that an authority has open and writes to", async () => {
    const authority = open();
    await authority.budgets.create({ scope, allocated: tokens(100_000) });
    let sequence = 0;
    const load = Array.from({ length: 200 }, () => reserve(authority, `k${sequence++}`));
    const found = await Promise.all([checkLedger(file), checkLedger(file), checkLedger(file)]);
    await Promise.all(load);
    for (const { findings } of found) expect(findings).toEqual([]);
    expect(await checkLedger(file)).toMatchObject({ budgets: 1, reservations: 200, findings: [] });
    await authority.close();
  });

  it("names twenty damaged entries, and says how many more there are", async () => {
    const authority = open();
    await authority.budgets.create({ scope, allocated: tokens(100_000) });
    await Promise.all(Array.from({ length: 25 }, (_, at) => reserve(authority, `k${at}`)));
    await authority.close();
    const database = new DatabaseSync(file);
    database.exec("UPDATE entry SET checksum = checksum + 1 WHERE key LIKE 'reservation/%'");
    database.close();
    const { findings } = await checkLedger(file);
    expect(findings).toHaveLength(21);
    expect(findings.at(-1)).toBe("5 more entries are not what was written.");
  });

  it("makes no file where there is none", async () => {
    await expect(checkLedger(join(directory, "none.sqlite"))).rejects.toThrow("cannot be opened as a ledger");
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("backupLedger", () => {
  it("copies one moment of a file that is written to: a ledger of its own, with all that was acknowledged before", async () => {
    const authority = open();
    await authority.budgets.create({ scope, allocated: tokens(1_000_000) });
    await Promise.all(Array.from({ length: 50 }, (_, at) => reserve(authority, `before${at}`)));
    const copying = new AbortController();
    let sequence = 0;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!copying.signal.aborted) await reserve(authority, `during${sequence++}`);
      }),
    );
    const copy = join(directory, "copy.sqlite");
    await backupLedger(file, copy);
    copying.abort();
    await load;
    expect(statSync(copy).mode & 0o077).toBe(0);
    const { reservations, findings } = await checkLedger(copy);
    expect(findings).toEqual([]);
    expect(reservations).toBeGreaterThanOrEqual(50);
    const restored = open(copy);
    expect((await restored.budgets.get(address)).reserved).toBe(30n * BigInt(reservations));
    await restored.close();
    expect((await authority.budgets.get(address)).reserved).toBe(30n * BigInt(50 + sequence));
    await authority.close();
  });

  it("replaces no file, and leaves nothing behind", async () => {
    await written();
    const copy = join(directory, "copy.sqlite");
    await backupLedger(file, copy);
    expect((await checkLedger(copy)).findings).toEqual([]);
    await expect(backupLedger(file, copy)).rejects.toThrow("exists; name a file that does not");
    await expect(backupLedger(join(directory, "none"), join(directory, "other"))).rejects.toThrow("cannot be opened");
    expect(readdirSync(directory).filter((name) => !name.startsWith("ledger.sqlite"))).toEqual(["copy.sqlite"]);
  });
});

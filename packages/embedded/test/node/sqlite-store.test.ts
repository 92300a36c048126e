import { spawnSync } from "node:child_process";
import { linkSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigurationError, tokens } from "@imprest/core";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LedgerUnavailableError, createEmbeddedAuthority } from "../../src/index.ts";
import { sqliteStore } from "../../src/node/index.ts";

const scope = { tenant: "acme" };
const address = { scope, unit: "TOKENS" };
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "imprest-sqlite-"));
  file = join(directory, "ledger.sqlite");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("sqliteStore", () => {
  it.each(["power", "process"] as const)("keeps a ledger across a close (survives %s)", async (survives) => {
    const huge = 9_223_372_036_854_775_807n;
    const first = createEmbeddedAuthority({ store: sqliteStore({ file, survives }) });
    await first.budgets.create({ scope, allocated: tokens(huge) });
    const spend = first.authority({ tenant: "acme" });
    const request = { estimate: tokens(huge - 1n), action: { kind: "k" } };
    const grant = await spend.reserve(request, { idempotencyKey: "a \u0000 strange \ud800 key" });
    await first.close();
    const second = createEmbeddedAuthority({ store: sqliteStore({ file, survives }) });
    expect(await second.budgets.get(address)).toMatchObject({ allocated: huge, reserved: huge - 1n, remaining: 1n });
    const again = await second
      .authority({ tenant: "acme" })
      .reserve(request, { idempotencyKey: "a \u0000 strange \ud800 key" });
    expect(again.id).toBe(grant.id);
    await second.close();
  });

  it("is readable by its owner only", () => {
    const store = sqliteStore({ file });
    expect(statSync(file).mode & 0o077).toBe(0);
    store.close();
  });

  it("belongs to one process at a time, and to the next once that is gone", async () => {
    const authority = createEmbeddedAuthority({ store: sqliteStore({ file }) });
    expect(() => sqliteStore({ file })).toThrow(ConfigurationError);
    const entry = fileURLToPath(new URL("../../src/node/index.ts", import.meta.url));
    const program = `const { sqliteStore } = await import(${JSON.stringify(entry)});
      try { sqliteStore({ file: ${JSON.stringify(file)} }); console.log("opened"); } catch (error) { console.log(error.message); }`;
    const other = spawnSync(process.execPath, ["--conditions=@imprest/source", "--input-type=module", "-e", program]);
    expect(other.stdout.toString()).toContain("is open in another process");
    await authority.close();
    sqliteStore({ file }).close();
  });

  it("belongs to one process under whatever name it is opened", async () => {
    const authority = createEmbeddedAuthority({ store: sqliteStore({ file }) });
    const link = join(directory, "link.sqlite");
    symlinkSync(file, link);
    expect(() => sqliteStore({ file: link })).toThrow("is open in another process");
    const second = join(directory, "second.sqlite");
    linkSync(file, second);
    expect(() => sqliteStore({ file: second })).toThrow("has another name (a hard link)");
    await authority.close();
  });

  it("is refused where a container has mounted the file without its folder, which has what was written last", (context) => {
    const container = ["unshare", "--mount"];
    if (spawnSync("unshare", ["--mount", "true"]).status !== 0) context.skip("this system permits no mounts");
    sqliteStore({ file }).close();
    const elsewhere = join(directory, "mounted.sqlite");
    writeFileSync(elsewhere, "");
    const entry = fileURLToPath(new URL("../../src/node/index.ts", import.meta.url));
    const program = `const { sqliteStore } = await import(${JSON.stringify(entry)});
      try { sqliteStore({ file: ${JSON.stringify(elsewhere)} }); console.log("opened"); } catch (error) { console.log(error.message); }`;
    const node = `${process.execPath} --conditions=@imprest/source --input-type=module -e '${program}'`;
    const [command = "", ...args] = [...container, "sh", "-c", `mount --bind ${file} ${elsewhere} && ${node}`];
    expect(spawnSync(command, args).stdout.toString()).toContain("is mounted by itself; mount its folder");
  });

  it("stays closed to a process of the version that locked the file itself", async () => {
    const authority = createEmbeddedAuthority({ store: sqliteStore({ file }) });
    await authority.budgets.create({ scope, allocated: tokens(5) });
    const before = new DatabaseSync(file);
    expect(() => before.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE")).toThrow("locked");
    before.close();
    await authority.close();
    const older = new DatabaseSync(file);
    older.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE");
    expect(() => sqliteStore({ file })).toThrow("is open in another process");
    older.close();
  });

  it("refuses a file that is no ledger, and a path that is none", () => {
    writeFileSync(file, "not a database, but long enough to look at ".repeat(50));
    expect(() => sqliteStore({ file })).toThrow(ConfigurationError);
    expect(() => sqliteStore({ file: join(directory, "no", "where.sqlite") })).toThrow(ConfigurationError);
  });

  it("fails closed once the authority is closed", async () => {
    const authority = createEmbeddedAuthority({ store: sqliteStore({ file }) });
    await authority.budgets.create({ scope, allocated: tokens(5) });
    await authority.close();
    await expect(authority.budgets.fund({ scope, amount: tokens(1) })).rejects.toThrow(LedgerUnavailableError);
    await expect(authority.budgets.get(address)).rejects.toThrow(LedgerUnavailableError);
  });
});

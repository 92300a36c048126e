import {
  copyFileSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ConfigurationError, tokens } from "@imprest/core";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createEmbeddedAuthority } from "../../src/index.ts";
import { checkLedger, sqliteStore } from "../../src/node/index.ts";

// What a ledger spent yesterday is in its file. A file that has lost it must not stand for a budget that spent nothing.

const address = { scope: { tenant: "acme" }, unit: "TOKENS" };
let directory: string;
let file: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "imprest-lost-"));
  file = join(directory, "ledger.sqlite");
  const authority = open();
  await authority.budgets.create({ scope: address.scope, allocated: tokens(100) });
  await authority.close();
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = () => createEmbeddedAuthority({ store: sqliteStore({ file }) });

async function allocated(): Promise<bigint> {
  const authority = open();
  const budget = await authority.budgets.get(address);
  await authority.close();
  return budget.allocated;
}

describe("a ledger's file that has lost what it held", () => {
  it("is refused when it was cut to nothing, and the error names it and the remedy", async () => {
    truncateSync(file, 0);
    expect(() => open()).toThrow(ConfigurationError);
    expect(() => open()).toThrow(
      `${file} holds no ledger: what it held is gone. Restore a copy of it; to begin a new ledger, delete it and ${file}-lock.`,
    );
    await expect(checkLedger(file)).rejects.toThrow("holds no ledger");
    expect(statSync(file).size).toBe(0);
  });

  it("is refused when nothing but the name was copied to another machine, which has no lock of it", () => {
    rmSync(`${file}-lock`);
    truncateSync(file, 0);
    expect(() => open()).toThrow("holds no ledger");
  });

  it("is refused when its table is gone, as where what SQLite wrote beside it was never in the file", () => {
    rmSync(file);
    const empty = new DatabaseSync(file);
    empty.exec("PRAGMA journal_mode = WAL");
    empty.close();
    expect(statSync(file).size).toBeGreaterThan(0);
    expect(() => open()).toThrow("holds no ledger");
  });

  it("is refused when it is missing while its lock is there, until the lock is deleted too", async () => {
    rmSync(file);
    expect(() => open()).toThrow(`${file} is missing, while ${file}-lock remembers it`);
    expect(readdirSync(directory)).toEqual(["ledger.sqlite-lock"]);
    rmSync(`${file}-lock`);
    const authority = open();
    await expect(authority.budgets.get(address)).rejects.toThrow();
    await authority.close();
  });

  it("is refused when its name is a link that leads nowhere, as to a disk that is not mounted", () => {
    const link = join(directory, "link.sqlite");
    symlinkSync(join(directory, "unmounted", "ledger.sqlite"), link);
    expect(() => sqliteStore({ file: link })).toThrow(ConfigurationError);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it("opens again once a copy stands in its place", async () => {
    const copy = join(directory, "copy.sqlite");
    copyFileSync(file, copy);
    rmSync(file);
    expect(() => open()).toThrow("is missing");
    copyFileSync(copy, file);
    expect(await allocated()).toBe(100n);
  });

  it("is refused at whatever length it was cut off", () => {
    const { size } = statSync(file);
    const whole = join(directory, "whole.sqlite");
    copyFileSync(file, whole);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.nat(size - 1),
          fc.nat(size / 512 - 1).map((sectors) => sectors * 512),
        ),
        (length) => {
          copyFileSync(whole, file);
          truncateSync(file, length);
          expect(() => open()).toThrow(file);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("a ledger's file that is new", () => {
  const create = (name: string) => sqliteStore({ file: join(directory, name) }).close();

  it("is made where a process died before the file had its name, with the lock taken or the file half made", () => {
    writeFileSync(join(directory, "one.sqlite-lock"), "");
    create("one.sqlite");
    writeFileSync(join(directory, "two.sqlite-lock"), "");
    writeFileSync(join(directory, "two.sqlite-new"), "half of a");
    create("two.sqlite");
    const made = readdirSync(directory).filter((name) => !name.startsWith("ledger"));
    expect(made.sort()).toEqual(["one.sqlite", "one.sqlite-lock", "two.sqlite", "two.sqlite-lock"]);
  });

  it("is not taken for a lost one by the next process when nothing was written to it", () => {
    create("idle.sqlite");
    create("idle.sqlite");
  });
});

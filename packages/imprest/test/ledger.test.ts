import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { serving } from "./serving.ts";
import { imprest } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "imprest-ledger-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("imprest ledger", () => {
  it("checks and backs up the file that another process is serving", async () => {
    const store = join(folder, "ledger.sqlite");
    const server = await serving(["--port", "0", "--store", store, "--budget", "tenant:acme=USD:1.00"], /Serving/);
    const checked = await imprest(["ledger", "check", store]);
    expect(checked).toMatchObject({ code: 0, out: "", err: expect.stringMatching(/1 of budgets.*; sound\.\n$/) });
    const copy = join(folder, "copy.sqlite");
    expect(await imprest(["ledger", "backup", store, copy])).toMatchObject({ code: 0 });
    expect(await imprest(["ledger", "backup", store, copy])).toMatchObject({
      code: 2,
      err: expect.stringContaining("exists; name a file that does not"),
    });
    expect(await server.stop()).toBe(0);

    const restored = await serving(["--port", "0", "--store", copy, "--budget", "tenant:acme=USD:1.00"], /Serving/);
    expect(restored.out()).toContain("there already, USD:1 left");
    expect(await restored.stop()).toBe(0);

    const database = new DatabaseSync(copy);
    database.exec("UPDATE entry SET value = value || ' ' WHERE key LIKE 'budget/%'");
    database.close();
    expect(await imprest(["ledger", "check", copy])).toMatchObject({
      code: 1,
      out: '  "budget/acme/tenant:acme/USD_MICROCENTS" is not what was written.\n',
      err: expect.stringContaining("damaged: stop serving it and restore a copy"),
    });
    const refused = serving(["--port", "0", "--store", copy], /Serving/);
    await expect(refused).rejects.toThrow("is not what was written. Restore a copy of it");
  }, 30_000);

  it("names what it cannot use", async () => {
    const none = join(folder, "none.sqlite");
    expect(await imprest(["ledger", "check", none])).toMatchObject({
      code: 2,
      err: expect.stringContaining("cannot be opened as a ledger"),
    });
    for (const args of [[], ["check"], ["backup", none], ["check", none, none], ["restore", none]]) {
      expect(await imprest(["ledger", ...args])).toMatchObject({
        code: 2,
        err: expect.stringContaining("check FILE, or backup FILE TO"),
      });
    }
  });
});

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { usd, withReservation } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { afterAll, describe, expect, it, vi } from "vitest";
import { imprest } from "./support.ts";

const root = resolve(import.meta.dirname, "../../..");
const folder = mkdtempSync(join(tmpdir(), "imprest-cli-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the real command in its own process and waits for its address. */
async function serve(...args: string[]) {
  const command = ["--conditions=@imprest/source", "packages/imprest/bin/imprest.js", "serve", "--port", "0", ...args];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  const url = await new Promise<string>((done, fail) => {
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      const found = /at (http:\S+?)[,.]? /.exec(out)?.[1] ?? /at (http:\S+),/.exec(out)?.[1];
      if (found) done(found);
    });
    child.once("exit", (code) => fail(new Error(`serve ended with ${code}: ${out}`)));
  });
  const stop = () =>
    new Promise<number | null>((done) => {
      child.removeAllListeners("exit");
      child.once("exit", done);
      child.kill("SIGINT");
    });
  return { url, out: () => out, stop };
}

const key = "k".repeat(24);
const textAt = async (url: string): Promise<string> => (await fetch(url)).text();

describe("imprest serve", () => {
  it("serves budgets and keys from flags, keeps them in the file, and ends cleanly on SIGINT", async () => {
    const store = join(folder, "ledger.sqlite");
    const flags = ["--store", store, "--budget", "tenant:acme=USD:1.00", "--key", `acme=${key}`];
    const first = await serve(...flags);
    expect(first.out()).not.toContain(key);
    const authority = new CyclesAuthority({ baseUrl: first.url, apiKey: key, subject: { tenant: "acme" } });
    const request = { estimate: usd("0.02"), action: { kind: "llm" } };
    await withReservation(authority, request, () => 1, { spend: () => usd("0.01") });
    expect(await first.stop()).toBe(0);

    const second = await serve(...flags);
    expect(second.out()).toContain("there already, USD:0.99 left");
    const environment = { CYCLES_BASE_URL: second.url, CYCLES_API_KEY: key, CYCLES_TENANT: "acme" };
    const balance = await imprest(["balance"], { environment });
    expect(balance).toMatchObject({ code: 0, out: expect.stringContaining("remaining USD:0.99") });
    const json = await imprest(["balance", "--tenant", "acme", "--format", "json"], { environment });
    expect(JSON.parse(json.out)).toMatchObject({ scope: "tenant:acme", remaining: { amount: 99_000_000 } });
    expect(await imprest(["doctor"], { environment })).toMatchObject({ code: 0 });
    const wrongKey = { ...environment, CYCLES_API_KEY: "x".repeat(24) };
    expect(await imprest(["doctor"], { environment: wrongKey })).toMatchObject({
      code: 1,
      out: expect.stringContaining("does not know the key"),
    });
    const wrongTenant = { ...environment, CYCLES_TENANT: "other" };
    expect(await imprest(["doctor"], { environment: wrongTenant })).toMatchObject({
      code: 1,
      out: expect.stringContaining("not tenant other's"),
    });
    expect(await second.stop()).toBe(0);
    expect(await imprest(["doctor"], { environment })).toMatchObject({
      code: 1,
      out: expect.stringContaining("No answer from"),
    });
  }, 30_000);

  it("--evidence: signs what it decides, with keys that the store keeps; `imprest evidence` finds it authentic", async () => {
    const store = join(folder, "signed.sqlite");
    const serverId = "https://authority.example.com/v1";
    const named = ["--evidence", "--server-id", serverId];
    const flags = ["--store", store, "--budget", "tenant:acme=USD:1.00", "--key", `acme=${key}`, ...named];
    const envelopes: string[] = [];
    let jwks = "";
    for (let run = 0; run < 2; run += 1) {
      const server = await serve(...flags);
      const authority = new CyclesAuthority({ baseUrl: server.url, apiKey: key, subject: { tenant: "acme" } });
      const request = { estimate: usd("0.02"), action: { kind: "llm" } };
      const grant = await authority.reserve(request, { idempotencyKey: `run-${run}` });
      expect(grant.evidence?.url).toBe(`${serverId}/evidence/${grant.evidence?.id}`);
      envelopes.push(await textAt(`${server.url}/v1/evidence/${grant.evidence?.id}`));
      jwks = await textAt(`${server.url}/v1/.well-known/cycles-jwks.json`);
      await vi.waitFor(() => expect(server.out()).toContain(`Signing evidence as ${serverId}`));
      expect(await server.stop()).toBe(0);
    }
    expect((JSON.parse(jwks) as { keys: object[] }).keys).toHaveLength(1);
    const files = { "-": `${envelopes.join("\n")}\n` };
    const keys = join(folder, "jwks.json");
    writeFileSync(keys, jwks);
    const verified = await imprest(["evidence", "-", "--jwks", `${serverId}=${keys}`], {
      files: { ...files, [keys]: jwks },
    });
    expect(verified).toMatchObject({ code: 0, out: "", err: "2 envelopes: 2 authentic; all accepted.\n" });
  }, 30_000);

  it("--evidence alone signs in the name of the address that it serves", async () => {
    const server = await serve("--evidence", "--budget", "tenant:acme=TOKENS:10", "--key", `acme=${key}`);
    const authority = new CyclesAuthority({ baseUrl: server.url, apiKey: key, subject: { tenant: "acme" } });
    const request = { estimate: { unit: "TOKENS", amount: 1n }, action: { kind: "llm" } };
    const { settlement } = await withReservation(authority, request, (reservation) => {
      reservation.spend({ unit: "TOKENS", amount: 1n });
      return 1;
    });
    expect(JSON.parse(await textAt(settlement.evidence?.url ?? ""))).toMatchObject({
      server_id: `${server.url}/v1`,
      payload: { commit: { reservation_id: settlement.reservationId } },
    });
    await server.stop();
  });

  it("raises a budget of the store to what it is given, lowers none, and makes no second key", async () => {
    const store = join(folder, "raised.sqlite");
    const start = (amount: string) => serve("--store", store, "--budget", `tenant:acme=${amount}`, "--key", "acme");
    const first = await start("USD:1.00");
    const apiKey = /Key of acme: (\S+)/.exec(first.out())?.[1] ?? "";
    await first.stop();
    const second = await start("USD:3.00/day@Europe/Berlin");
    expect(second.out()).toContain("raised to USD:3, USD:3 left");
    expect(second.out()).toContain("Key of acme: there already");
    const environment = { CYCLES_BASE_URL: second.url, CYCLES_API_KEY: apiKey, CYCLES_TENANT: "acme" };
    expect(await imprest(["balance"], { environment })).toMatchObject({ code: 0 });
    await second.stop();
    const third = await start("USD:2.00");
    expect(third.out()).toContain("there already, USD:3 left");
    await third.stop();
  }, 30_000);

  it("keeps a key in a file that it makes for its owner alone, and warns of one on the command line", async () => {
    const file = join(folder, "acme.key");
    const budget = ["--budget", "tenant:acme=USD:1.00/month@America/New_York"];
    for (let run = 0; run < 2; run += 1) {
      const server = await serve(...budget, "--key-file", `acme=${file}`);
      const apiKey = readFileSync(file, "utf8").trim();
      expect(server.out()).not.toContain(apiKey);
      expect(server.out()).toContain(`Key of acme: in ${file}\n`);
      expect(server.out()).toContain("Budget tenant:acme: USD:1 each month in America/New_York.\n");
      const environment = { CYCLES_BASE_URL: server.url, CYCLES_API_KEY: apiKey, CYCLES_TENANT: "acme" };
      expect(await imprest(["balance"], { environment })).toMatchObject({ code: 0 });
      await server.stop();
    }
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const warned = await imprest(["serve", "--key", `acme=${key}`, "--host", "0.0.0.0"]);
    expect(warned.err).toContain("every user of this machine can read a key on a command line");
  }, 30_000);

  it("prints its address and the keys first, and what it warns of on standard error", async () => {
    const server = await serve("--budget", "tenant:acme=USD:1.00", "--key", "acme");
    const [address, keyLine, budget, ...more] = server.out().trimEnd().split("\n");
    expect(address).toBe(`Serving the Cycles wire at ${server.url}, in memory.`);
    expect(keyLine).toMatch(/^Key of acme: \S+$/);
    expect({ budget, more }).toEqual({ budget: "Budget tenant:acme: USD:1.", more: [] });
    await server.stop();
  });

  it("prints the fresh key of a start that failed, which the store holds by now", async () => {
    const store = join(folder, "failed.sqlite");
    const failed = await imprest(["serve", "--store", store, "--key", "acme", "--host", "0.0.0.0"]);
    expect(failed).toMatchObject({ code: 2, out: expect.stringMatching(/^Key of acme: imp_\S+\n$/) });
  });

  it("serves a budget that begins anew, and says so on the governance plane", async () => {
    const config = join(folder, "periods.json");
    const rolling = { scope: "tenant:acme/agent:bot", allocated: "TOKENS:10", period: { rollingMs: 3_600_000 } };
    const monthly = {
      scope: "tenant:acme",
      allocated: "TOKENS:1000",
      overagePolicy: "REJECT",
      period: { every: "month", timeZone: "Europe/Berlin", rollover: "CARRY_FORWARD" },
    };
    writeFileSync(config, JSON.stringify({ budgets: [monthly, rolling], keys: [{ tenant: "acme", key }] }));
    const server = await serve("--config", config, "--admin");
    const governance = new CyclesGovernanceClient({ baseUrl: server.url, apiKey: key });
    const { balances } = await governance.getBudgetLedgers().first();
    expect(balances).toMatchObject([
      { scope: "tenant:acme", rollover_policy: "CARRY_FORWARD", commit_overage_policy: "REJECT" },
      { scope: "tenant:acme/agent:bot" },
    ]);
    const { period_start: start = "", period_end: end = "" } = balances[0] ?? {};
    const inBerlin = (at: string): string => new Date(at).toLocaleString("sv-SE", { timeZone: "Europe/Berlin" });
    expect(inBerlin(start)).toMatch(/-01 00:00:00$/);
    expect(inBerlin(end)).toMatch(/-01 00:00:00$/);
    expect(balances[1]).not.toHaveProperty("period_end");
    await server.stop();
  }, 30_000);

  it("reads a configuration file with a policy", async () => {
    const config = join(folder, "config.json");
    const budgets = [{ scope: "tenant:acme/agent:bot", allocated: "TOKENS:1000" }];
    writeFileSync(
      config,
      JSON.stringify({ budgets, keys: [{ tenant: "acme" }], policy: [{ caps: { max_tokens: 5 } }] }),
    );
    const server = await serve("--config", config);
    const apiKey = /Key of acme: (\S+)/.exec(server.out())?.[1] ?? "";
    const authority = new CyclesAuthority({ baseUrl: server.url, apiKey, subject: { tenant: "acme", agent: "bot" } });
    const decision = await authority.decide({ estimate: { unit: "TOKENS", amount: 5n }, action: { kind: "llm" } });
    expect(decision).toMatchObject({ decision: "ALLOW_WITH_CAPS", caps: [{ name: "max_tokens", value: 5 }] });
    await server.stop();
  });

  it.each([
    [["--budget", "tenant:acme"], "has no amount"],
    [["--budget", "tenant:acme=5"], "is no amount"],
    [["--budget", "tenant:acme=USD:0.000000001"], "8 decimal places"],
    [["--budget", "planet:mars=USD:1"], "is no scope"],
    [["--key", ""], "names no tenant"],
    [["--key", "acme=short"], "16 to 256"],
    [["--key-file", "acme"], "write acme=FILE"],
    [["--budget", "tenant:acme=USD:1/fortnight"], "period.every"],
    [["--budget", "tenant:acme=USD:1/day@Mars"], "no time zone"],
    [["--host", "0.0.0.0"], "in the clear"],
    [["--port", "99999"], "--port"],
    [["--server-id", "https://a.example/v1"], "add --evidence"],
    [["--evidence", "--server-id", "a.example"], "evidence.serverId"],
    [["--config", "/nonexistent.json"], "ENOENT"],
  ])("%o: exits 2 and says %o", async (args, message) => {
    expect(await imprest(["serve", ...args])).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });

  it.each([
    ["[]", "not an object"],
    ["{", "is not JSON"],
    ['{"budget":[]}', 'no member "budget"'],
    ['{"budgets":[{"scope":"tenant:a"}]}', "budgets[0]"],
    ['{"keys":[{}]}', "keys[0].tenant"],
    ['{"budgets":[{"scope":"tenant:a","allocated":"USD:1","limit":"USD:1"}]}', 'no member "limit"'],
    ['{"budgets":[{"scope":"tenant:a","allocated":"USD:1","period":{"evry":"day"}}]}', 'no member "evry"'],
    [
      '{"budgets":[{"scope":"tenant:a","allocated":"USD:1","period":{"every":"day","rollingMs":1}}]}',
      "needs every, or",
    ],
    ['{"budgets":[{"scope":"tenant:a","allocated":"USD:1","period":{"every":"year"}}]}', "period.every"],
    [
      '{"budgets":[{"scope":"tenant:a","allocated":"USD:1","period":{"every":"day","timeZone":"X/Y"}}]}',
      "no time zone",
    ],
    ['{"budgets":[{"scope":"tenant:a","allocated":"USD:1","overagePolicy":"ALLOW"}]}', "overagePolicy"],
    ['{"policy":[{"belowPercnt":20}]}', '"belowPercnt"'],
  ])("a configuration of %o is refused by name", async (text, message) => {
    const file = join(folder, "bad.json");
    writeFileSync(file, text);
    expect(await imprest(["serve", "--config", file])).toMatchObject({
      code: 2,
      err: expect.stringContaining(message),
    });
  });
});

it("imprest --version says the version of the package", async () => {
  const { version } = JSON.parse(readFileSync(join(root, "packages/imprest/package.json"), "utf8")) as {
    version: string;
  };
  expect(await imprest(["--version"])).toMatchObject({ code: 0, out: `${version}\n` });
});

describe("imprest balance and doctor without a configuration", () => {
  it("say which variable is missing", async () => {
    expect(await imprest(["balance"])).toMatchObject({ code: 2, err: expect.stringContaining("CYCLES_BASE_URL") });
    expect(await imprest(["doctor"])).toMatchObject({ code: 1, out: expect.stringContaining("CYCLES_BASE_URL") });
    const environment = { CYCLES_BASE_URL: "http://127.0.0.1:9", CYCLES_API_KEY: key };
    expect(await imprest(["doctor"], { environment })).toMatchObject({
      code: 1,
      out: expect.stringContaining("CYCLES_TENANT"),
    });
    expect(await imprest(["balance"], { environment })).toMatchObject({
      code: 2,
      err: expect.stringContaining("Name a scope"),
    });
  });
});

describe("imprest serve --admin", () => {
  it("serves the governance plane under a key that is printed once, and delivers to configured webhooks", async () => {
    const received: string[] = [];
    const receiver = createServer((request, response) => {
      received.push(String(request.headers["x-cycles-event-type"]));
      request.resume().on("end", () => response.writeHead(204).end());
    });
    await new Promise<void>((done) => {
      receiver.listen(0, "127.0.0.1", done);
    });
    const { port } = receiver.address() as AddressInfo;
    const config = join(folder, "governed.json");
    const webhook = {
      id: "ops",
      url: `http://127.0.0.1:${port}/`,
      secret: "whsec_for_tests",
      eventCategories: ["reservation"],
    };
    writeFileSync(config, JSON.stringify({ webhooks: [webhook] }));
    const served = await serve(
      "--config",
      config,
      "--admin",
      "--budget",
      "tenant:acme=USD:1.00",
      "--key",
      `acme=${key}`,
    );
    expect(served.out()).not.toContain("whsec_for_tests");
    const adminApiKey = /governance plane: (\S+)/.exec(served.out())?.[1] ?? "";
    const governance = new CyclesGovernanceClient({ baseUrl: served.url, adminApiKey });
    const authority = new CyclesAuthority({ baseUrl: served.url, apiKey: key, subject: { tenant: "acme" } });
    const tooMuch = withReservation(authority, { estimate: usd("2.00"), action: { kind: "llm" } }, () => 1);
    await expect(tooMuch).rejects.toThrow("too little left");
    await vi.waitFor(() => expect(received).toEqual(["reservation.denied"]));
    const [denied] = (await governance.listEvents({ event_type: "reservation.denied" }).first()).events;
    expect(denied).toMatchObject({ tenant_id: "acme", data: { reason_code: "BUDGET_EXCEEDED" } });
    expect(await served.stop()).toBe(0);
    receiver.close();
  });

  it("webhooks without the plane, and slips in them, are unusable input", async () => {
    for (const [entry, said] of [
      [{ id: "ops", url: "https://ops.test/", secret: "whsec_for_tests", eventTypes: ["x"] }, "adminKeys"],
      [{ id: "ops", url: "https://ops.test/", secret: "whsec_for_tests", eventType: ["x"] }, 'no member "eventType"'],
      [{ id: "ops", url: "https://ops.test/" }, "webhooks[0].secret"],
    ] as const) {
      const config = join(folder, "slip.json");
      writeFileSync(config, JSON.stringify({ webhooks: [entry] }));
      const { code, err } = await imprest(["serve", "--config", config]);
      expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    }
  });
});

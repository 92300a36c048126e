import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AspClient, OverageRejectedError } from "@imprest/asp";
import { keyPairFromSeed, publicKeyToJwk } from "@imprest/core/audit";
import { afterAll, describe, expect, it } from "vitest";
import { freePort, serving } from "./serving.ts";
import { imprest } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "imprest-serve-asp-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const key = "k".repeat(24);
const keyFile = join(folder, "asp-key.json");

const write = (name: string, value: unknown): string => {
  writeFileSync(join(folder, name), JSON.stringify(value));
  return join(folder, name);
};

async function retiredKeys(): Promise<string> {
  const { publicKey } = await keyPairFromSeed(new Uint8Array(32).fill(4));
  return write("retired.json", { keys: [{ ...publicKeyToJwk(publicKey, "k0"), exp: Math.floor(Date.now() / 1_000) }] });
}

/** What an authority that was started so says of itself, charges and signs. */
async function observe(origin: string) {
  const client = new AspClient({ baseUrl: origin, apiKey: key });
  const reserve = (budgetId: string, unit: string) =>
    client.reserve({ claim: { budgetId, unit, amountAtomic: 10n } }).then(({ reservationId = "" }) => reservationId);
  const tokens = await reserve("tenant:acme", "output_token");
  await expect(client.commit({ reservationId: tokens, amountAtomicObserved: 11n })).rejects.toSatisfy((error) =>
    OverageRejectedError.isInstance(error),
  );
  const money = await reserve("tenant:acme/agent:Bot", "usd_atomic");
  const charged = await client.commit({ reservationId: money, amountAtomicObserved: 11n });
  await client.release({ reservationId: await reserve("tenant:acme", "request") });
  const jwks = (await (await fetch(`${origin}/.well-known/asp-jwks.json`)).json()) as { keys: { kid: string }[] };
  return {
    metadata: await client.getMetadata(),
    charged: charged.chargeAmountAtomic,
    kids: jwks.keys.map(({ kid }) => kid),
  };
}

const budgets = ["tenant:acme=output_token:1000", "tenant:acme/agent:Bot=usd_atomic:1000", "tenant:acme=request:50"];

describe("imprest serve --asp", () => {
  it.each(["flags", "file"])(
    "takes TTL, grace, overage, prefix and retired keys by %s, and the draft's units",
    async (how) => {
      const port = await freePort();
      const origin = `http://127.0.0.1:${port}`;
      const retired = await retiredKeys();
      const asp = {
        issuer: origin,
        key: keyFile,
        ttlMs: 90_000,
        graceWindowMs: 7_000,
        prefix: "org.example",
        overage: ["tenant:acme/agent:Bot=CHARGE_OVERAGE"],
        retiredKeys: [retired],
      };
      const times = ["--asp-ttl", "90000", "--asp-grace", "7000"];
      const overage = ["--asp-overage", "tenant:acme/agent:Bot=CHARGE_OVERAGE"];
      const names = ["--asp-prefix", "org.example", "--asp-retired", retired];
      const flags = ["--asp", origin, "--asp-key", keyFile, ...times, ...overage, ...names];
      const said = how === "flags" ? flags : ["--config", write("config.json", { asp })];
      const books = budgets.flatMap((budget) => ["--budget", budget]);
      const server = await serving([...said, "--port", String(port), ...books, "--key", `acme=${key}`], /Speaking ASP/);
      const { metadata, charged, kids } = await observe(origin);
      expect(metadata).toMatchObject({ grace_window_ms: 7_000, default_ttl_ms: 90_000 });
      expect({ charged, retired: kids.includes("k0") }).toEqual({ charged: 1n, retired: true });

      const feed = await imprest(["feed", origin], { environment: { ASP_API_KEY: key } });
      const events = feed.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { readonly type: string });
      expect(events.map(({ type }) => type)).toEqual(
        ["reserve", "overage_rejected", "reserve", "commit", "overage_charged", "reserve", "release"].map(
          (suffix) => `org.example.audit.${suffix}`,
        ),
      );
      expect(feed).toMatchObject({ code: 0, err: "read up to 7: --since 7 goes on.\n" });
      const rest = await imprest(["feed", origin, "--since", "5", "--api-key-file", "key"], {
        files: { key: `${key}\n` },
      });
      expect(rest.out).toBe(feed.out.split("\n").slice(5).join("\n"));

      const stop = new AbortController();
      const output = (): void => stop.abort();
      const asked = ["feed", origin, "--since", "6", "--follow"];
      const followed = await imprest(asked, { environment: { ASP_API_KEY: key }, output, signal: stop.signal });
      expect(followed).toMatchObject({ code: 0, out: rest.out.split("\n").slice(1).join("\n") });
      expect(await server.stop()).toBe(0);
    },
    30_000,
  );

  it.each<[string[], string]>([
    [["--asp-ttl", "5"], "--asp-ttl needs --asp"],
    [["--asp", "https://a.example", "--asp-key", keyFile, "--asp-overage", "ALLOW"], "CHARGE_OVERAGE"],
    [["--asp", "https://a.example", "--asp-key", keyFile, "--asp-grace", "1h"], "--asp-grace"],
    [["--asp", "https://a.example", "--asp-key", keyFile, "--asp-ttl", "10"], "asp.ttlMs"],
    [["--asp", "https://a.example", "--asp-key", keyFile, "--asp-prefix", "Org"], "asp.typePrefix"],
  ])("exits 2 and names the flag: %o", async (args, message) => {
    expect(await imprest(["serve", "--port", "0", ...args])).toMatchObject({
      code: 2,
      err: expect.stringContaining(message),
    });
  });

  it("publishes no private key as a retired one", async () => {
    const args = ["serve", "--port", "0", "--asp", "https://a.example", "--asp-key", keyFile, "--asp-retired", "old"];
    const files = { old: JSON.stringify({ kty: "OKP", crv: "Ed25519", kid: "k0", x: "x", d: "d" }) };
    expect(await imprest(args, { files })).toMatchObject({ code: 2, err: expect.stringContaining("public keys") });
  });
});

describe("imprest feed", () => {
  it.each<[string[], string]>([
    [[], "Name the authority"],
    [["https://a.example"], "ASP_API_KEY"],
    [["https://a.example", "--since", "-1"], "since"],
  ])("exits 2 and says what to do: %o", async (args, message) => {
    expect(await imprest(["feed", ...args])).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });
});

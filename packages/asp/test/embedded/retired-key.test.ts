import { type JsonObject, type Jwk, keyPairFromSeed, publicKeyToJwk, signAuditEvent } from "@imprest/core/audit";
import type { AuditSuffix } from "@imprest/core/models/asp";
import type { LedgerStore } from "@imprest/embedded";
import { describe, expect, it } from "vitest";
import { verifyAuditEvent } from "../../src/audit/index.ts";
import { claim, createManualClock, feedOf, issuer, openHouse, seed, trustIn, verifyAll } from "./support.ts";

const fresh = { kid: "k2", privateKey: new Uint8Array(32).fill(3) };

/** The line again, dated otherwise and signed by whoever holds the first key. */
async function forged(line: string, atMs: number): Promise<string> {
  const { source, type, data } = JSON.parse(line) as { source: string; type: string; data: JsonObject };
  const suffix = type.replace("imprest.audit.", "") as AuditSuffix;
  return signAuditEvent(suffix, data, { source, typePrefix: "imprest", kid: "k1", privateKey: seed }, atMs);
}

async function published(house: Awaited<ReturnType<typeof openHouse>>): Promise<readonly Jwk[]> {
  const response = await house.embedded.handler(new Request(`${issuer}/.well-known/asp-jwks.json`));
  return ((await response.json()) as { keys: Jwk[] }).keys;
}

describe("a signing key that an authority has retired", () => {
  it("is published with its end; what it signed stays authentic, what its thief dates later is not", async () => {
    const clock = createManualClock(Date.now() - 10 * 86_400_000);
    const house = await openHouse({ clock });
    const client = house.client();
    await client.reserve({ claim: claim(10n), idempotencyKey: "before" });
    await house.embedded.audit.rotateKey(fresh);
    const retiredMs = clock.now();
    await clock.advance(86_400_000);
    await client.reserve({ claim: claim(10n), idempotencyKey: "after" });

    expect((await published(house)).map(({ kid, exp }) => [kid, exp])).toEqual([
      ["k1", (retiredMs + 1) / 1_000],
      ["k2", undefined],
    ]);
    const [lines, trust] = [await feedOf(house), await trustIn(house)];
    const reports = await verifyAll(lines, trust);
    expect(reports.map(({ disposition, findings }) => [disposition, findings])).toEqual(
      lines.map(() => ["authentic", []]),
    );
    const today = await verifyAuditEvent(await forged(lines.at(-1) ?? "", clock.now()), { trust });
    expect(today).toMatchObject({ disposition: "signer_authority_failed", findings: [{ code: "outside_window" }] });
    // Before its end, nothing but the order of the feed speaks against it.
    const dated = await verifyAuditEvent(await forged(lines.at(-1) ?? "", retiredMs), { trust });
    expect(dated.disposition).toBe("authentic");
  });

  it("keeps its end over restarts, from a store and from the option", async () => {
    const clock = createManualClock(Date.now() - 10 * 86_400_000);
    const kept = new Map<string, string>();
    const store: LedgerStore = {
      load: () => new Map(kept),
      async write(take) {
        for (const [name, text] of take()) {
          if (text === undefined) kept.delete(name);
          else kept.set(name, text);
        }
      },
      close() {},
    };
    const first = await openHouse({ clock, store });
    await first.embedded.audit.rotateKey(fresh);
    const ended = (clock.now() + 1) / 1_000;
    await first.embedded.close();
    await clock.advance(86_400_000);
    const again = await openHouse({ clock, store, asp: { signingKey: fresh } }, { fresh: false });
    expect((await published(again)).find(({ kid }) => kid === "k1")?.["exp"]).toBe(ended);

    const old = publicKeyToJwk((await keyPairFromSeed(seed)).publicKey, "k1");
    const given = await openHouse({
      clock,
      asp: { signingKey: fresh, retiredKeys: [{ ...old, exp: 1_780_000_000.5 }] },
    });
    expect((await published(given)).find(({ kid }) => kid === "k1")?.["exp"]).toBe(1_780_000_000.5);
    await expect(
      openHouse({ clock, asp: { signingKey: fresh, retiredKeys: [{ ...old, exp: "2026" }] } }),
    ).rejects.toThrow("exp that is no number");
  });
});

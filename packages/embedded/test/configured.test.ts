import { generateKeyPair } from "@imprest/core/audit";
import { describe, expect, it } from "vitest";
import { type EmbeddedAuthorityOptions, createEmbeddedAuthority } from "../src/index.ts";

const governance = { adminKeys: ["admin-key-for-tests-0123456789"] };

describe("what is not configured is absent from an authority, and from its type", () => {
  it("has the groups that every authority has, and no other, without options", () => {
    const authority = createEmbeddedAuthority();
    expect(authority).toHaveProperty("budgets");
    expect(authority).toHaveProperty("tenants");
    expect(authority).toHaveProperty("apiKeys");
    // @ts-expect-error: nothing delivers events without `governance`.
    expect(authority.webhooks).toBeUndefined();
    // @ts-expect-error: nothing keeps events without `governance`.
    expect(authority.events).toBeUndefined();
    // @ts-expect-error: nothing is signed without `evidence`.
    expect(authority.evidence).toBeUndefined();
    // @ts-expect-error: no event of ASP is signed without `asp`.
    expect(authority.audit).toBeUndefined();
    for (const name of ["webhooks", "events", "evidence", "audit"]) expect(name in authority).toBe(false);
  });

  it("has webhooks and events with governance, and nothing of evidence or ASP", async () => {
    const authority = createEmbeddedAuthority({ governance });
    expect(await authority.webhooks.list()).toEqual([]);
    await authority.tenants.create("acme");
    await authority.tenants.create("zeta");
    const { rows, nextCursor } = await authority.events.list({ limit: 1, sort_dir: "asc" });
    expect(rows).toMatchObject([{ event_type: "tenant.created", tenant_id: "acme" }]);
    const next = await authority.events.list({ limit: 1, sort_dir: "asc", cursor: nextCursor });
    expect(next.rows).toMatchObject([{ tenant_id: "zeta" }]);
    expect(await authority.events.get(rows[0]?.event_id ?? "")).toEqual(rows[0]);
    expect(await authority.events.get("evt_nobody")).toBeUndefined();
    // @ts-expect-error: nothing is signed without `evidence`.
    expect(authority.evidence).toBeUndefined();
    // @ts-expect-error: no event of ASP is signed without `asp`.
    expect(authority.audit).toBeUndefined();
  });

  it("has evidence with evidence, and audit with ASP", async () => {
    const signingKey = { kid: "k1", privateKey: new Uint8Array(32).fill(7) };
    const authority = createEmbeddedAuthority({
      evidence: { keyPair: await generateKeyPair() },
      asp: { issuer: "https://authority.example", signingKey },
    });
    expect(await authority.evidence.listKeys()).toHaveLength(1);
    expect(authority.audit.reservations("acme")).toEqual([]);
    // @ts-expect-error: nothing delivers events without `governance`.
    expect(authority.webhooks).toBeUndefined();
  });

  it("may have a group whose option may be given", async () => {
    const options: EmbeddedAuthorityOptions = { governance };
    const authority = createEmbeddedAuthority(options);
    // @ts-expect-error: whether there are webhooks is known only when it runs.
    void authority.webhooks.list;
    expect(await authority.webhooks?.list()).toEqual([]);
  });

  it("refuses a member that is no option where it is typed, and knows what a callback is given", () => {
    // @ts-expect-error: the option is `governance`.
    createEmbeddedAuthority({ governace: governance });
    // @ts-expect-error: governance has no such option.
    createEmbeddedAuthority({ governance: { ...governance, keys: [] } });
    createEmbeddedAuthority({
      onEvent: (event) => void event.event_id.length,
      policy: ({ tenant }) => void tenant.length,
      governance: { ...governance, transport: async ({ url }) => ({ status: url.length, headers: {}, body: "" }) },
      asp: {
        issuer: "https://authority.example",
        signingKey: { kid: "k1", privateKey: new Uint8Array(32).fill(7) },
        overagePolicy: (budgetId) => (budgetId.length > 0 ? "REJECT" : "CHARGE_OVERAGE"),
      },
    });
  });
});

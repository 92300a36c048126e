import { readFileSync } from "node:fs";
import { type AP2Mandate, AP2AlreadyConsumed, checkConstraints, mandateFromAP2, withReservation } from "@imprest/ap2";
import { verifyMandate } from "@imprest/ap2/verify";
import { base64url, utf8 } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { hashText } from "../src/sd-jwt.ts";
import { type Claims, giveConsent, merchant, newKey, publicJwk, sign } from "./support/chains.ts";
import { conformance, isMissing } from "./support/conformance.ts";
import { CountingPsp } from "./support/counting-psp.ts";
import { createHarness, makeTerms } from "./support/harness.ts";

// The user's consent holds as a whole: every rule of every mandate of a chain, over all payments made under it.

const usd = (type: string, members: Claims): Claims => ({ type, currency: "USD", ...members });
const range = usd("payment.amount_range", { max: 20_000 });
const recurs = (members: Claims = {}): Claims => ({
  type: "payment.agent_recurrence",
  frequency: "ON_DEMAND",
  ...members,
});
const budget = (max: number): Claims => usd("payment.budget", { max });

/** Pays each mandate in turn. @returns what the payment service charged, in dollars, and what the books say. */
async function payAll(
  mandates: readonly AP2Mandate[],
): Promise<{ readonly charged: number[]; readonly booked: number }> {
  const { authority, cycles } = createHarness();
  const psp = new CountingPsp();
  for (const mandate of mandates) {
    const paid = withReservation(authority, makeTerms({ mandate }), (payment) =>
      payment.charged({ reference: psp.charge(payment) }),
    );
    await paid.catch((error: unknown) => expect(error).toBeInstanceOf(AP2AlreadyConsumed));
  }
  const charged = psp.charges.map(({ amount }) => Number(amount) / 100_000_000);
  return { charged, booked: cycles.spent / 100_000_000 };
}

const amountOf = (cents: number): Claims => ({ payment_amount: { amount: cents, currency: "USD" } });

describe("an open mandate is used again", () => {
  it.each<[string, readonly Claims[], number[]]>([
    ["without a recurrence: never, whatever its budget", [range, budget(1_000)], [50]],
    ["with one, within its occurrences", [range, recurs({ max_occurrences: 2 }), budget(1_000)], [50, 50]],
    ["with one, within its budget", [range, recurs(), budget(120)], [50, 50]],
    ["with two budgets, within the smaller one", [range, recurs(), budget(1_000), budget(60)], [50]],
    ["with two budgets in the other order too", [range, recurs(), budget(60), budget(1_000)], [50]],
    ["with two recurrences, within both", [range, recurs(), recurs({ max_occurrences: 1 })], [50]],
    [
      "with two recurrences, not before the longer period is over",
      [range, recurs(), recurs({ frequency: "MONTHLY" })],
      [50],
    ],
  ])("%s", async (_, constraints, charged) => {
    const consent = await giveConsent({ constraints });
    const chains = await Promise.all(
      ["a", "b", "c"].map((id) => consent.close({ transaction_id: id, ...amountOf(5_000) })),
    );
    const paid = await payAll(chains.map((chain) => mandateFromAP2(chain)));
    expect(paid).toEqual({ charged, booked: charged.reduce((sum, one) => sum + one, 0) });
  });
});

describe("a mandate by which an agent delegated further", () => {
  const user = [range, recurs(), budget(1_000)];

  it.each<[string, readonly Claims[], number[]]>([
    ["is used once", [range], [50]],
    ["is used as often as it says", [range, recurs({ max_occurrences: 2 })], [50, 50]],
    ["has a budget of its own", [range, recurs(), budget(120)], [50, 50]],
    ["without a recurrence has one use within its budget", [range, budget(1_000)], [50]],
  ])("%s, though the user's own may be used again", async (_, constraints, charged) => {
    const consent = await giveConsent({ constraints: user });
    // The middle mandate is signed once: each payment closes the same one.
    const chains = await consent.closeAll(
      ["a", "b", "c"].map((id) => ({ transaction_id: id, ...amountOf(5_000) })),
      { constraints },
    );
    expect((await payAll(chains.map((chain) => mandateFromAP2(chain)))).charged).toEqual(charged);
  });

  it("counts apart from another one under the same mandate of the user's, whose budget counts both", async () => {
    const consent = await giveConsent({ constraints: [range, recurs(), budget(120)] });
    const chains = [
      ...(await consent.closeAll([{ transaction_id: "a", ...amountOf(5_000) }], { constraints: [range] })),
      ...(await consent.closeAll([{ transaction_id: "b", ...amountOf(5_000) }], { constraints: [range], nonce: "2" })),
      ...(await consent.closeAll([{ transaction_id: "c", ...amountOf(5_000) }], { constraints: [range], nonce: "3" })),
    ];
    expect((await payAll(chains.map((chain) => mandateFromAP2(chain)))).charged).toEqual([50, 50]);
  });
});

describe("verifyMandate", () => {
  it("reports everything that the payment does not keep to, and of which mandate", async () => {
    const consent = await giveConsent({
      constraints: [usd("payment.amount_range", { max: 100 })],
      payee: { ...merchant, id: "m2" },
    });
    const middle = { constraints: [{ type: "payment.allowed_payees", allowed: [] }, { type: "payment.unheard_of" }] };
    const { findings, mandate } = await verifyMandate(await consent.close({}, middle), {
      issuerKeys: [consent.issuerKey],
    });
    expect(mandate).toBeUndefined();
    expect(findings.map(({ code, pointer, message }) => [code, pointer, message.split(" ")[0]])).toEqual([
      ["consent_broken", "/0", "payee"],
      ["consent_broken", "/0", "payment.amount_range"],
      ["consent_broken", "/1", "payment.allowed_payees"],
      ["consent_broken", "/1", "payment.unheard_of"],
    ]);
  });

  it("reads the types that wallets write, and the bare digest of a delegated mandate", async () => {
    const [issuer, agent] = await Promise.all([newKey(), newKey()]);
    const constraints = [range];
    const open = { vct: "mandate.payment.open.1", constraints, cnf: { jwk: await publicJwk(agent) } };
    const closed = {
      vct: "mandate.payment.1",
      transaction_id: "tx",
      payee: merchant,
      payment_instrument: { id: "c", type: "card" },
      ...amountOf(5_000),
    };
    const disclosure = base64url(utf8(JSON.stringify(["salt", "mandate", closed])));
    for (const typ of ["JWT", "vc+sd-jwt"]) {
      const root = `${await sign(issuer, { alg: "ES256", typ }, { delegate_payload: [open] })}~`;
      const payload = {
        delegate_payload: [hashText("another mandate"), hashText(disclosure)],
        sd_hash: hashText(root),
      };
      const chain = `${root}~${await sign(agent, { alg: "ES256", typ: "kb-sd-jwt" }, payload)}~${disclosure}~`;
      const report = await verifyMandate(chain, {
        issuerKeys: [await publicJwk(await newKey()), await publicJwk(issuer)],
      });
      expect(report).toMatchObject({ disposition: "authentic", findings: [], mandate: { transactionId: "tx" } });
      const kb = await verifyMandate(
        `${await sign(issuer, { alg: "ES256", typ: "kb-sd-jwt+kb" }, { delegate_payload: [open] })}~~${chain.split("~~")[1]}`,
      );
      expect(kb.mandate).toBeUndefined();
    }
  });
});

describe("constraints as AP2's schemas have them", () => {
  const payment = {
    vct: "mandate.payment.1" as const,
    transaction_id: "tx",
    payee: merchant,
    payment_amount: { amount: 5_000, currency: "USD" },
    payment_instrument: { id: "c", type: "card" },
  };
  const pisp = { legal_name: "P", brand_name: "p", domain_name: "p.example" };
  const nowMs = Date.parse("2026-11-28T00:00:00Z");
  const broken = (constraint: Claims, change: Claims = {}): number =>
    checkConstraints([constraint], { ...payment, ...change }, nowMs).length;

  it.each<[string, Claims, Claims, number]>([
    ["a PISP by its three names", { type: "payment.allowed_pisps", allowed: [pisp] }, { pisp }, 0],
    [
      "a PISP of another domain",
      { type: "payment.allowed_pisps", allowed: [pisp] },
      { pisp: { ...pisp, domain_name: "x" } },
      1,
    ],
    ["a payment without a PISP", { type: "payment.allowed_pisps", allowed: [pisp] }, {}, 1],
    ["a PISP that names nothing", { type: "payment.allowed_pisps", allowed: [{}] }, { pisp: {} }, 1],
    ["a payee by its id", { type: "payment.allowed_payees", allowed: [{ ...merchant, name: "Other" }] }, {}, 0],
    [
      "a payee without ids by name and website",
      { type: "payment.allowed_payees", allowed: [{ ...merchant, id: "" }] },
      {},
      0,
    ],
    [
      "a payee of the same name elsewhere",
      { type: "payment.allowed_payees", allowed: [{ ...merchant, id: "", website: "https://evil.example" }] },
      {},
      1,
    ],
    [
      "a payment at once within the window",
      { type: "payment.execution_date", not_after: "2026-11-29T00:00:00Z" },
      {},
      0,
    ],
    [
      "a payment at once after the window",
      { type: "payment.execution_date", not_after: "2026-11-27T00:00:00Z" },
      {},
      1,
    ],
    [
      "a payment at once before the window",
      { type: "payment.execution_date", not_before: "2026-11-29T00:00:00Z" },
      {},
      1,
    ],
    ["a budget that one payment exceeds", budget(49.99), {}, 1],
    ["a budget that one payment uses up", budget(50), {}, 0],
  ])("%s", (_, constraint, change, count) => {
    expect(broken(constraint, change)).toBe(count);
  });
});

interface Minted {
  readonly now: number;
  readonly cases: readonly {
    readonly name: string;
    readonly chain?: string;
    readonly issuerKeys: readonly Claims[];
    readonly audience?: string;
    readonly nonce?: string;
    readonly theirs?: { readonly ok: boolean } | null;
  }[];
}

describe.skipIf(isMissing)("chains that AP2's own SDK minted", () => {
  const { now, cases } = (isMissing ? { now: 0, cases: [] } : conformance("minted-chains.json")) as Minted;
  const judged = cases.filter(({ chain, theirs }) => chain !== undefined && theirs);
  const page = readFileSync(new URL("../../../docs/ap2.md", import.meta.url), "utf8");
  const rows = Array.from(page.matchAll(/^\| `([^`]+)`\s*\| (accepts|refuses)\s*\|/gm), ([, name, theirs]) => ({
    name,
    theirs,
  }));

  it("are 71, of which 64 have a verdict", () => expect([cases.length, judged.length]).toEqual([71, 64]));

  it("get its verdict, but for the rows of docs/ap2.md", async () => {
    const different: object[] = [];
    for (const { name, chain = "", issuerKeys, audience, nonce, theirs } of judged) {
      const nowMs = now * 1000;
      const { disposition, mandate } = await verifyMandate(chain, { issuerKeys, audience, nonce, nowMs });
      const isAccepted = disposition === "authentic" && mandate !== undefined;
      if (isAccepted !== theirs?.ok) different.push({ name, theirs: theirs?.ok ? "accepts" : "refuses" });
    }
    expect(different).toEqual(rows);
  });
});

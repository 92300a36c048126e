import { AuthorityUnreachableError, ConfigurationError, createFetchTransport, DeniedError, usd } from "@imprest/core";
import { AspClient } from "@imprest/asp";
import { CyclesClient, withReservation } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { aspHandlers, cyclesHandlers } from "@imprest/testing/msw";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";

// No name here resolves and nothing listens: what is answered is answered by the handlers.
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const transport = createFetchTransport();
const baseUrl = "https://authority.example";
const request = { estimate: usd("0.10"), action: { kind: "llm.completion" }, subject: { tenant: "acme" } };
const budget = { scope: { tenant: "acme" }, unit: "USD_MICROCENTS" } as const;

describe("cyclesHandlers", () => {
  async function open() {
    const embedded = createEmbeddedAuthority();
    onTestFinished(() => embedded.close());
    await embedded.budgets.create({ scope: budget.scope, allocated: usd("1.00") });
    const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
    const clientAt = (url: string): CyclesClient => new CyclesClient({ baseUrl: url, apiKey, transport });
    return { embedded, clientAt };
  }

  it("serve a guarded call whose spend is in the books of the embedded authority", async () => {
    const { embedded, clientAt } = await open();
    server.use(...cyclesHandlers(embedded));
    const run = await withReservation(clientAt(baseUrl), request, () => "done", { spend: () => usd("0.07") });
    expect(run).toMatchObject({ value: "done", settlement: { status: "committed" } });
    expect(await embedded.budgets.get(budget)).toMatchObject({ spent: usd("0.07").amount, reserved: 0n });
  });

  it("serve a refusal as the wire has it, and the body never runs", async () => {
    const { embedded, clientAt } = await open();
    server.use(...cyclesHandlers(embedded));
    let ran = false;
    const tooMuch = { ...request, estimate: usd("1.01") };
    const refused = withReservation(clientAt(baseUrl), tooMuch, () => (ran = true), { settle: "estimate" });
    await expect(refused).rejects.toBeInstanceOf(DeniedError);
    expect(ran).toBe(false);
  });

  it("serve a client whose base has a path, and leave every other origin and path to other handlers", async () => {
    const { embedded, clientAt } = await open();
    server.use(
      http.all("*", () =>
        HttpResponse.json({ error: "NOT_FOUND", message: "elsewhere", request_id: "r" }, { status: 404 }),
      ),
    );
    server.use(...cyclesHandlers(embedded, { baseUrl: `${baseUrl}/budgets/` }));
    const balancesAt = (url: string): Promise<object> => clientAt(url).getBalances({ tenant: "acme" }).first();
    expect(await balancesAt(`${baseUrl}/budgets`)).toMatchObject({ balances: [{ remaining: usd("1.00") }] });
    await expect(balancesAt(baseUrl)).rejects.toMatchObject({ errorCode: "NOT_FOUND" });
    await expect(balancesAt("https://elsewhere.example/budgets")).rejects.toMatchObject({ errorCode: "NOT_FOUND" });
  });

  it("let a test lose one answer: the client repeats the reserve under its key, and it is held once", async () => {
    const { embedded, clientAt } = await open();
    server.use(...cyclesHandlers(embedded));
    const keys: unknown[] = [];
    const lose = http.post(
      "*/v1/reservations",
      async ({ request: sent }) => {
        keys.push(sent.headers.get("x-idempotency-key"));
        await embedded.handler(sent);
        return HttpResponse.error();
      },
      { once: true },
    );
    server.use(lose);
    const run = withReservation(clientAt(baseUrl), request, () => "done", { spend: () => usd("0.02") });
    expect((await run).settlement.status).toBe("committed");
    expect(keys).toEqual([expect.any(String)]);
    expect(await embedded.budgets.get(budget)).toMatchObject({ spent: usd("0.02").amount, reserved: 0n });
  });

  it("an authority that is closed answers with a failure of its own, and the call fails closed", async () => {
    const { embedded, clientAt } = await open();
    server.use(...cyclesHandlers(embedded));
    await embedded.close();
    const run = withReservation(clientAt(baseUrl), request, () => "done", { settle: "estimate" });
    await expect(run).rejects.toBeInstanceOf(AuthorityUnreachableError);
  });

  it("a baseUrl that is no URL is refused at once", async () => {
    const { embedded } = await open();
    expect(() => cyclesHandlers(embedded, { baseUrl: "authority" })).toThrow(ConfigurationError);
  });
});

describe("aspHandlers", () => {
  it("serve the verbs, the keys and the metadata of ASP to a client", async () => {
    const signingKey = { kid: "k1", privateKey: Uint8Array.from({ length: 32 }, (_, at) => at + 1) };
    const embedded = createEmbeddedAuthority({ asp: { issuer: baseUrl, signingKey } });
    onTestFinished(() => embedded.close());
    await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: { unit: "TOKENS", amount: 1_000n } });
    const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
    server.use(http.all("*", () => new HttpResponse(null, { status: 418 })));
    server.use(...aspHandlers(embedded, { baseUrl }));
    const client = new AspClient({ baseUrl, apiKey, transport });
    const claim = { budgetId: "tenant:acme", unit: "TOKENS", amountAtomic: 100n };
    const { decision, reservationId = "" } = await client.reserve({ claim });
    expect(decision).toBe("ALLOW");
    await client.commit({ reservationId, amountAtomicObserved: 40n });
    expect(await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" })).toMatchObject({ spent: 40n });
    const keys = (await (await fetch(`${baseUrl}/.well-known/asp-jwks.json`)).json()) as { keys: { kid: string }[] };
    expect(keys.keys.map(({ kid }) => kid)).toEqual(["k1"]);
    expect((await fetch(`${baseUrl}/v1/balances`)).status).toBe(418);
  });

  it("take no authority that speaks no ASP: the types refuse it", () => {
    const embedded = createEmbeddedAuthority();
    onTestFinished(() => embedded.close());
    // @ts-expect-error the group `audit` is there with the option `asp`
    const handlers = aspHandlers(embedded);
    expect(handlers).toHaveLength(1);
  });
});

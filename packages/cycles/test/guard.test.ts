import { describe, expect, it } from "vitest";
import {
  AuthorityUnreachableError,
  DeniedError,
  type ReserveRequest,
  type Settlement,
  capped,
  settlementQueue,
  usd,
} from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import {
  CyclesAuthority,
  CyclesClient,
  type CyclesSource,
  guard,
  guardStream,
  openReservation,
  withReservation,
  withReservationStream,
} from "@imprest/cycles";
import { type Received, allow, refusal, startStub, type Answer, type StubAuthority } from "./support/stub-authority.ts";

const request: ReserveRequest = {
  estimate: usd("0.02"),
  action: { kind: "llm.completion", name: "gpt" },
  subject: { tenant: "acme" },
};

/** An authority that allows and books whatever it is sent. */
function ledger({ path, json }: Received): Answer {
  if (path.endsWith("/commit")) return { body: { status: "COMMITTED", charged: json["actual"] } };
  if (path.endsWith("/release"))
    return { body: { status: "RELEASED", released: { unit: "USD_MICROCENTS", amount: 5 } } };
  if (path === "/v1/events") return { status: 201, body: { status: "APPLIED", event_id: "evt_1" } };
  return { body: { ...allow, reserved: json["estimate"] } };
}

const clientAt = (baseUrl: string): CyclesClient => new CyclesClient({ baseUrl, apiKey: "test-key" });
const pathsOf = (stub: StubAuthority): string[] =>
  stub.received.map(({ path }) => path.replace("/v1/reservations", ""));

describe.each<[string, (url: string) => CyclesSource]>([
  ["a client", clientAt],
  ["an authority", (url) => new CyclesAuthority(clientAt(url))],
])("over %s", (_what, sourceAt) => {
  it("withReservation reserves, runs and commits", async () => {
    const stub = await startStub(ledger);
    const { value, settlement } = await withReservation(sourceAt(stub.url), request, async () => "answer", {
      spend: () => usd("0.005"),
    });
    expect(value).toBe("answer");
    expect(settlement).toMatchObject({
      status: "committed",
      charged: usd("0.005"),
      basis: "actual",
      requestId: "req_1",
    });
    expect(pathsOf(stub)).toEqual(["", "/rsv_1/commit"]);
  });

  it("withReservation releases when the body fails and says that nothing was spent, and rethrows", async () => {
    const stub = await startStub(ledger);
    const source = sourceAt(stub.url);
    const failing = withReservation(source, request, () => Promise.reject(new Error("model is down")), {
      unspent: () => true,
    });
    await expect(failing).rejects.toThrow("model is down");
    await settlementQueue(source).flush({ timeoutMs: 2_000 });
    expect(pathsOf(stub)).toEqual(["", "/rsv_1/release"]);
  });

  it("withReservation commits an estimate and says so on the wire", async () => {
    const stub = await startStub(ledger);
    const { settlement } = await withReservation(sourceAt(stub.url), request, () => 5, { settle: "estimate" });
    expect(settlement).toMatchObject({ status: "committed", basis: "estimate", charged: usd("0.02") });
    expect(stub.received[1]?.json).toMatchObject({ metadata: { "imprest.basis": "estimate" } });
  });

  it("withReservationStream settles by what the chunks say", async () => {
    const stub = await startStub(ledger);
    const stream = withReservationStream(
      sourceAt(stub.url),
      request,
      async function* () {
        yield { text: "he", cost: undefined };
        yield { text: "llo", cost: usd("0.01") };
      },
      { spend: ({ cost }) => cost },
    );
    let text = "";
    for await (const chunk of stream) text += chunk.text;
    expect(text).toBe("hello");
    expect(await stream.settlement).toMatchObject({ status: "committed", charged: usd("0.01") });
  });

  it("guard and guardStream wrap a function of the same arguments", async () => {
    const stub = await startStub(ledger);
    const source = sourceAt(stub.url);
    const settlements: Settlement[] = [];
    const options = {
      settle: "estimate",
      onSettlement: (settlement: Settlement) => settlements.push(settlement),
    } as const;
    const ask = guard(
      source,
      (prompt: string) => ({ ...request, metadata: { length: prompt.length } }),
      (_reservation, prompt) => `re: ${prompt}`,
      options,
    );
    expect(await ask("hi")).toBe("re: hi");
    expect(stub.received[0]?.json["metadata"]).toEqual({ length: 2 });

    const count = guardStream(
      source,
      request,
      async function* (_reservation, to: number) {
        for (let at = 0; at < to; at += 1) yield at;
      },
      options,
    );
    const seen: number[] = [];
    for await (const at of count(3)) seen.push(at);
    expect(seen).toEqual([0, 1, 2]);
    expect(settlements.map(({ status }) => status)).toEqual(["committed", "committed"]);
  });

  it("openReservation settles by hand", async () => {
    const stub = await startStub(ledger);
    const reservation = await openReservation(sourceAt(stub.url), request);
    reservation.spend(usd("0.001"), { inputTokens: 7 });
    expect(await reservation.commit()).toMatchObject({ status: "committed", charged: usd("0.001") });
    expect(stub.received[1]?.json).toMatchObject({ metrics: { tokens_input: 7 } });
  });

  it("a denial stops the body before it starts", async () => {
    const stub = await startStub(() => refusal(409, "BUDGET_EXCEEDED"));
    let ran = false;
    const calling = withReservation(sourceAt(stub.url), request, () => (ran = true));
    await expect(calling).rejects.toBeInstanceOf(DeniedError);
    expect(ran).toBe(false);
    expect(stub.received).toHaveLength(1);
  });
});

it("one client has one authority, so its settlements share a queue", async () => {
  const client = clientAt("https://cycles.example");
  expect(client.authority).toBe(client.authority);
  expect(client.authority.client).toBe(client);
  expect(clientAt("https://cycles.example").authority).not.toBe(client.authority);
});

it("caps reach the body that honours them, and release the reservation of one that does not", async () => {
  const caps = { max_tokens: 200 };
  const stub = await startStub((received) =>
    received.path === "/v1/reservations" ? { body: { ...allow, decision: "ALLOW_WITH_CAPS", caps } } : ledger(received),
  );
  const client = clientAt(stub.url);
  const options = { honours: ["max_tokens"], settle: "estimate" } as const;
  const { value } = await withReservation(client, request, ({ caps }) => capped(caps, "max_tokens", 800), options);
  expect(value).toBe(200);
  await expect(withReservation(client, request, () => 1)).rejects.toMatchObject({ reasonCode: "CAPS_NOT_HONOURED" });
  await settlementQueue(client).flush({ timeoutMs: 2_000 });
  expect(pathsOf(stub)).toEqual(["", "/rsv_1/commit", "", "/rsv_1/release"]);
});

it("an answer with added members is one reserve and one run of the body", async () => {
  const stub = await startStub((received) => {
    const answer = ledger(received);
    return typeof answer === "function"
      ? answer
      : { ...answer, body: { ...(answer.body as object), added: { at: 1 } } };
  });
  const { value } = await withReservation(clientAt(stub.url), request, () => 5, { settle: "estimate" });
  expect(value).toBe(5);
  expect(pathsOf(stub)).toEqual(["", "/rsv_1/commit"]);
});

it("a lost commit is sent again with the same key and bytes, and an expired one becomes an event", async () => {
  const clock = createManualClock();
  let commits = 0;
  const stub = await startStub((received) => {
    if (!received.path.endsWith("/commit")) return ledger(received);
    commits += 1;
    return commits === 1 ? (response) => response.destroy() : { status: 410 };
  });
  const terms = { overage_policy: "ALLOW_WITH_OVERDRAFT" } as const;
  const authority = new CyclesAuthority({ baseUrl: stub.url, apiKey: "test-key" }, { clock, terms });
  const outcomes: Settlement[] = [];
  await withReservation(authority, request, () => 5, {
    spend: () => usd("0.03"),
    onSettlement: (settlement) => outcomes.push(settlement),
  });
  expect(outcomes.map(({ status }) => status)).toEqual(["pending"]);
  const waitFor = async (status: string): Promise<void> => {
    for (let turn = 0; turn < 200 && outcomes.at(-1)?.status !== status; turn += 1) await clock.advance(100);
  };
  await waitFor("recorded");
  expect(outcomes.at(-1)).toMatchObject({ status: "recorded", charged: usd("0.03"), basis: "actual" });

  const [, first, second, event] = stub.received.filter(({ path }) => !path.endsWith("/extend"));
  expect(second?.body).toBe(first?.body);
  expect(event).toMatchObject({
    path: "/v1/events",
    json: {
      idempotency_key: first?.json["idempotency_key"],
      subject: request.subject,
      action: request.action,
      actual: first?.json["actual"],
      overage_policy: "ALLOW_WITH_OVERDRAFT",
    },
  });
});

it("an authority out of reach stops the body; the error carries the key that both attempts had", async () => {
  const stub = await startStub(() => (response) => response.destroy());
  const calling = withReservation(clientAt(stub.url), request, () => 1, { idempotencyKey: "job-7" });
  const error: unknown = await calling.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AuthorityUnreachableError);
  expect(error).toMatchObject({ idempotencyKey: "job-7" });
  expect(stub.received.map(({ headers }) => headers["x-idempotency-key"])).toEqual(["job-7", "job-7"]);
});

it.each([
  ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:1/" } }],
  ["401", refusal(401, "UNAUTHORIZED")],
  ["a malformed success", { text: "{}" }],
  ["a denial", refusal(409, "BUDGET_EXCEEDED")],
])("failOpen does not open for %s: that is an answer", async (_what, answer) => {
  const stub = await startStub(() => answer);
  let ran = false;
  const options = { failOpen: { reason: "best effort" }, settle: "estimate" } as const;
  await expect(withReservation(clientAt(stub.url), request, () => (ran = true), options)).rejects.toThrow(Error);
  expect(ran).toBe(false);
});

it("failOpen does not open for a fault in the transport: it says nothing about the authority", async () => {
  const bug = new TypeError("x is not a function");
  const client = new CyclesClient({
    baseUrl: "https://cycles.example",
    apiKey: "test-key",
    transport: () => Promise.reject(bug),
  });
  let ran = false;
  const options = { failOpen: { reason: "best effort" }, settle: "estimate" } as const;
  await expect(withReservation(client, request, () => (ran = true), options)).rejects.toBe(bug);
  expect(ran).toBe(false);
});

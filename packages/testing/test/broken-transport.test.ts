import { AuthorityUnreachableError, settlementQueue, usd, withReservation } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { type TransportFault, brokenTransport, createManualClock, transportTo } from "@imprest/testing";
import { expect, it, onTestFinished } from "vitest";

const request = { estimate: usd("0.10"), action: { kind: "llm.completion" }, subject: { tenant: "acme" } };
const clock = createManualClock();

/** A guarded call over a wire that breaks at one operation, the first time that it is sent. */
async function guarded(operation: "reservations" | "commit", fault: TransportFault) {
  const embedded = createEmbeddedAuthority({ clock });
  onTestFinished(() => embedded.close());
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
  const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
  let isBroken = false;
  const breaks = ({ url }: { readonly url: string }): TransportFault | undefined => {
    if (isBroken || !url.endsWith(operation)) return undefined;
    isBroken = true;
    return fault;
  };
  const transport = brokenTransport(transportTo(embedded), breaks, { clock });
  const client = new CyclesClient({ baseUrl: "https://authority.example", apiKey, transport, clock, timeoutMs: 5_000 });
  let runs = 0;
  const run = withReservation(client, request, () => (runs += 1), { spend: () => usd("0.07") });
  run.catch(() => {});
  await clock.advance(120_000);
  await settlementQueue(client).flush({ timeoutMs: 1_000 });
  const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
  return { run, runs, spent, reserved };
}

const faults: [string, TransportFault][] = [
  ["refuses the connection", "unreachable"],
  ["loses the answer", "answer-lost"],
  ["delivers the request twice", "doubled"],
  ["cuts the answer", "cut"],
  ["is silent", "silent"],
  ["is slow", { delayMs: 2_000 }],
  ["answers for a proxy", { answer: { status: 503, headers: {}, body: "<html>busy</html>" } }],
];

it.each(faults)("a wire that %s at the reserve runs the body once and charges it once", async (_what, fault) => {
  const { run, runs, spent, reserved } = await guarded("reservations", fault);
  await run;
  expect({ runs, spent, reserved }).toEqual({ runs: 1, spent: usd("0.07").amount, reserved: 0n });
});

it.each(faults)("a wire that %s at the commit charges once", async (_what, fault) => {
  const { run, runs, spent, reserved } = await guarded("commit", fault);
  await run;
  expect({ runs, spent, reserved }).toEqual({ runs: 1, spent: usd("0.07").amount, reserved: 0n });
});

it("a wire that is down for good stops the call before it starts", async () => {
  const embedded = createEmbeddedAuthority();
  const transport = brokenTransport(transportTo(embedded), () => "unreachable");
  const client = new CyclesClient({
    baseUrl: "https://authority.example",
    apiKey: "cyc_live_key_of_a_test",
    transport,
  });
  const run = withReservation(client, request, () => expect.unreachable());
  await expect(run).rejects.toBeInstanceOf(AuthorityUnreachableError);
});

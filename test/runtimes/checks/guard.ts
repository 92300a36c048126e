import { type SpendAuthority, createFetchTransport, usd, withReservation, withReservationStream } from "@imprest/core";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "@imprest/embedded";
import { type Checks, type World, expectEqual, failureOf } from "../check.ts";

const tenant = "acme";
const subject = { tenant };
const request = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "model" } };

/** The kernel over every way to an authority: in this process, over its handler, over this runtime's own sockets. */
export const guard: Checks = {
  async "charges what was spent, releases what failed, refuses what there is no budget for"({ cycles }) {
    for (const { authority, balance } of await authorities(cycles)) {
      const before = await balance();
      const { value, settlement } = await withReservation(authority, request, async () => "ran", {
        spend: () => usd("0.01"),
      });
      expectEqual(`${value} ${settlement.status}`, "ran committed");
      expectEqual(before - (await balance()), usd("0.01").amount);
      const failing = withReservation(authority, request, async () => Promise.reject(new RangeError("no provider")));
      expectEqual(await failureOf(failing), "RangeError");
      let ran = false;
      const tooMuch = withReservation(authority, { ...request, estimate: usd("1000000") }, async () => (ran = true));
      expectEqual(`${await failureOf(tooMuch)} ${ran}`, "DeniedError false");
    }
  },

  async "settles a stream that ends, and one that its reader leaves"({ cycles }) {
    for (const { authority, balance } of await authorities(cycles)) {
      const before = await balance();
      const whole = withReservationStream(authority, request, () => chunks(), { spend: (chunk) => usd(chunk) });
      const read: string[] = [];
      for await (const chunk of whole) read.push(chunk);
      expectEqual(read.join(" "), "0.001 0.002 0.003");
      expectEqual((await whole.settlement).status, "committed");
      expectEqual(before - (await balance()), usd("0.003").amount);

      const left = withReservationStream(authority, request, () => chunks(), { partial: "estimate" });
      for await (const _ of left) break;
      expectEqual((await left.settlement).status, "committed");
      expectEqual(before - (await balance()), usd("0.003").amount + request.estimate.amount);
    }
  },

  async "carries int64 whole, both ways"() {
    const embedded = createEmbeddedAuthority();
    const all = { amount: 9_223_372_036_854_775_807n, unit: "USD_MICROCENTS" };
    await embedded.budgets.create({ scope: subject, allocated: all });
    const authority = await overHandler(embedded);
    await withReservation(authority, { ...request, estimate: all }, async () => {}, { spend: () => all });
    const { spent, remaining } = await embedded.budgets.get({ scope: subject, unit: all.unit });
    expectEqual(`${spent} ${remaining}`, "9223372036854775807 0");
  },
};

interface Way {
  readonly authority: SpendAuthority;
  /** What is left; releases that go on behind the caller's back are waited for. */
  readonly balance: () => Promise<bigint>;
}

async function authorities(cycles: World["cycles"]): Promise<readonly Way[]> {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: subject, allocated: usd("1") });
  const remaining = async (): Promise<bigint> =>
    (await embedded.budgets.get({ scope: subject, unit: request.estimate.unit })).remaining;
  const remote = { baseUrl: cycles.url, apiKey: cycles.key, subject, allowBrowserCredentials: true };
  const client = new CyclesClient(remote);
  const remoteRemaining = async (): Promise<bigint> => {
    for await (const { remaining: left } of client.getBalances(subject)) return left.amount;
    return 0n;
  };
  return [
    { authority: embedded.authority(subject), balance: settled(remaining) },
    { authority: await overHandler(embedded), balance: settled(remaining) },
    { authority: new CyclesAuthority(remote), balance: settled(remoteRemaining) },
  ];
}

/** A release is not waited for by its caller: the balance is read until it stands still. */
function settled(read: () => Promise<bigint>): () => Promise<bigint> {
  return async () => {
    for (let last = await read(); ;) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      const next = await read();
      if (next === last) return next;
      last = next;
    }
  };
}

/** Over the authority's HTTP handler, with this runtime's own Request and Response and no socket. */
async function overHandler(embedded: EmbeddedAuthority): Promise<SpendAuthority> {
  const { key: apiKey } = await embedded.apiKeys.create({ tenant });
  const transport = createFetchTransport((url, init) => embedded.handler(new Request(url, init)));
  return new CyclesAuthority({
    baseUrl: "http://127.0.0.1:1",
    apiKey,
    subject,
    transport,
    allowBrowserCredentials: true,
  });
}

async function* chunks(): AsyncGenerator<string> {
  yield "0.001";
  yield "0.002";
  yield "0.003";
}

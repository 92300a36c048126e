import {
  type Amount,
  type BodyOptions,
  type Metrics,
  type Reservation,
  createFetchTransport,
  settlementQueue,
  silentLogger,
  usd,
  withReservation,
  withReservationStream,
} from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import fc from "fast-check";
import { expect, it } from "vitest";

// Whatever a body hands over, well formed or not, the books and the dead letters have at least what was stated, nothing is
// given back once spend was stated, and no malformed member reaches the wire: the real client over an embedded authority.

const cents = (value: number): Amount => usd(`0.${String(value).padStart(2, "0")}`);
const hostile = (): never => {
  throw new Error("a getter of the caller's own");
};
const getter = Object.defineProperty({ unit: "USD_MICROCENTS" }, "amount", { get: hostile, enumerable: true });

/** What a caller without types may hand over as an amount. */
const malformed = fc.constantFrom<unknown>(
  1,
  Number.NaN,
  "USD:0.01",
  true,
  [],
  {},
  Symbol("amount"),
  { unit: "USD_MICROCENTS" },
  { unit: "USD_MICROCENTS", amount: 1_000_000 },
  { unit: "USD_MICROCENTS", amount: -1n },
  { unit: "USD_MICROCENTS", amount: 2n ** 63n },
  { unit: "TOKENS", amount: 5n },
  { unit: null, amount: 1n },
  getter,
);
const decoration = fc.constantFrom<unknown>(
  undefined,
  null,
  7,
  "text",
  { latencyMs: 12.5 },
  { inputTokens: Number.NaN, outputTokens: -1 },
  { inputTokens: "12", modelVersion: null },
  { modelVersion: 4, custom: "text" },
  { custom: { nested: undefined } },
  { basis: "guess" },
  Object.defineProperty({}, "inputTokens", { get: hostile, enumerable: true }),
);
const extras = fc.constantFrom<unknown>(undefined, null, 3, { metadata: null }, { metadata: "x", facts: 1 }, getter);
const amount = fc.integer({ min: 1, max: 9 }).map(cents);
const anyAmount = fc.oneof({ weight: 2, arbitrary: amount }, malformed);

type Step = readonly ["spend" | "commit" | "unspent" | "release", unknown, unknown, unknown];
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.constantFrom("spend", "spend", "commit", "unspent", "release"),
  anyAmount,
  decoration,
  extras,
);
/** What a callback of the options does. */
const answer = fc.oneof(
  anyAmount.map((value) => ({ value, how: "returns" as const })),
  anyAmount.map((value) => ({ value, how: "resolves" as const })),
  fc.constant({ value: undefined, how: "throws" as const }),
);
type Answer = { readonly value: unknown; readonly how: "returns" | "resolves" | "throws" };
const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });

const isAmount = (value: unknown): value is Amount => {
  const { unit, amount: whole } = value === getter ? {} : ((value ?? {}) as Partial<Amount>);
  return unit === "USD_MICROCENTS" && typeof whole === "bigint" && whole >= 0n;
};

const request = {
  estimate: cents(2),
  action: { kind: "llm.completion", name: "model" },
  subject: { tenant: "acme" },
};

/** A budget of an embedded authority, a client over its wire, and a watch on what passes. */
async function open() {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("9.00") });
  const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
  const wire: { readonly path: string; readonly status: number }[] = [];
  const served: typeof fetch = async (input, init) => {
    const asked = new Request(input, init);
    const response = await embedded.handler(asked);
    wire.push({ path: new URL(asked.url).pathname, status: response.status });
    return response;
  };
  const client = new CyclesClient({
    baseUrl: "https://authority.example",
    apiKey,
    transport: createFetchTransport(served),
    logger: silentLogger,
  });
  let stated = 0n;

  /** The laws, once the call is over. */
  const check = async (): Promise<void> => {
    await settlementQueue(client).flush({ timeoutMs: 1_000 });
    const letters = [];
    let lettered = 0n;
    for await (const { kind, spent } of settlementQueue(client).deadLetters.list()) {
      letters.push(kind);
      lettered += spent?.amount ?? 0n;
    }
    const books = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
    expect((books?.spent ?? 0n) + lettered).toBeGreaterThanOrEqual(stated);
    expect(wire[0]).toEqual({ path: "/v1/reservations", status: 200 });
    // Every request was well formed, and at most one settled.
    expect(wire.filter(({ status }) => status >= 400)).toEqual([]);
    const settled = wire.filter(({ path }) => /\/(commit|release)$/.test(path));
    expect(settled.length).toBeLessThanOrEqual(1);
    // What is given back was not stated before; what was stated after it is a late letter.
    if (settled[0]?.path.endsWith("release")) expect(letters.every((kind) => kind === "late")).toBe(true);
    // A hold that is left to its lease is named by a letter.
    if (books?.reserved !== 0n) expect(letters).not.toEqual([]);
    await embedded.close();
  };

  const state = (value: unknown): void => {
    if (isAmount(value) && value.amount > stated) stated = value.amount;
  };
  return { client, check, state };
}

const said = ({ value, how }: Answer): Amount => {
  if (how === "throws") throw new Error("no price");
  return (how === "resolves" ? Promise.resolve(value) : value) as Amount;
};

it("what a body stated is in the books or in a dead letter, whatever else it handed over", async () => {
  const law = fc.asyncProperty(
    fc.array(step, { maxLength: 5 }),
    fc.boolean(),
    optional(answer),
    optional(answer),
    optional(fc.constantFrom<unknown>(true, false, null, "yes", 1)),
    async (steps, throws, spend, partial, unspent) => {
      const { client, check, state } = await open();
      const body = async (reservation: Reservation): Promise<void> => {
        for (const [name, value, details, extra] of steps) {
          if (name === "spend" || name === "commit") state(value);
          try {
            if (name === "spend") reservation.spend(value as Amount, details as Metrics, extra as object);
            else if (name === "commit") await reservation.commit(value as Amount, details as Metrics, extra as object);
            else if (name === "unspent") reservation.unspent();
            else await reservation.release();
          } catch {
            // A body that goes on, whatever a method threw.
          }
        }
        if (throws) throw new Error("boom");
      };
      const options: BodyOptions<void> = {
        ...(spend && { spend: () => said(spend) }),
        ...(partial && { partial: () => said(partial) }),
        ...(unspent !== undefined && { unspent: () => unspent as boolean }),
      };
      await withReservation(client, request, body, options).catch(() => {});
      await check();
    },
  );
  await fc.assert(law, { numRuns: 400 });
});

it("what a stream stated is in the books or in a dead letter, and its reader gets every chunk", async () => {
  const law = fc.asyncProperty(
    fc.array(answer, { maxLength: 5 }),
    fc.boolean(),
    fc.nat(6),
    optional(answer),
    async (chunks, throws, leavesAfter, partial) => {
      const { client, check, state } = await open();
      async function* body(): AsyncGenerator<Answer> {
        yield* chunks;
        if (throws) throw new Error("boom");
      }
      const spend = (chunk: Answer): Amount => {
        if (chunk.how !== "throws") state(chunk.value);
        return said(chunk);
      };
      const options = { spend, ...(partial && { partial: () => said(partial) }) };
      const stream = withReservationStream(client, request, body, options);
      const read: Answer[] = [];
      try {
        for await (const chunk of stream) if (read.push(chunk) > leavesAfter) break;
      } catch {
        // What nobody could price is thrown after the last chunk.
      }
      expect(read).toEqual(chunks.slice(0, leavesAfter + 1));
      await stream.settlement.catch(() => {});
      await check();
    },
  );
  await fc.assert(law, { numRuns: 400 });
});

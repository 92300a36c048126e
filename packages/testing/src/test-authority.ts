import { type Amount, type Transport, parseAmount } from "@imprest/core";
import {
  type AspOptions,
  type EmbeddedAuthority,
  type LedgerSpendAuthority,
  createEmbeddedAuthority,
} from "@imprest/embedded";
import { transportTo } from "./broken-transport.ts";
import { type ManualClock, createManualClock } from "./manual-clock.ts";

/** What a test may choose of its authority. */
export interface TestAuthorityOptions {
  /** The budget of the tenant: `"$5.00"`, or an amount of any unit. By default: `"$100.00"`. */
  readonly limit?: Amount | string | undefined;
  /** Whose budget it is. By default: `"test"`. */
  readonly tenant?: string | undefined;
  /** One that other parts of the test share; its own by default. */
  readonly clock?: ManualClock | undefined;
}

/** What the budget of a test holds, in the unit of its limit. */
export interface TestBooks {
  readonly spent: Amount;
  /** What open reservations hold. */
  readonly reserved: Amount;
  /** What a call can still take; negative once more was spent than the limit. */
  readonly remaining: Amount;
}

/** The real ledger, in memory, with one tenant, its budget and its key, on a clock that the test moves. */
export interface TestAuthority {
  /** Guards calls in the process: `withReservation(authority, …)`, `guardFetch(authority, …)`, or an agent's own option. */
  readonly authority: LedgerSpendAuthority;
  readonly clock: ManualClock;
  /**
   * What a client reaches it with, and no port: `new CyclesClient(test.connection)`, `new AspClient(test.connection)`. Its
   * `transport` is what `brokenTransport` takes; `cyclesHandlers` and `aspHandlers` take its `baseUrl`.
   */
  readonly connection: TestConnection;
  /** The operator's side: freezes and funds budgets, closes tenants. It serves Cycles and ASP. */
  readonly embedded: EmbeddedAuthority<{ asp: AspOptions }>;
  /** How the budget stands: what a test asserts in the end. */
  books(): Promise<TestBooks>;
  /** Resolves once nothing of it runs any more. */
  close(): Promise<void>;
  /** `await using`: as `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Options of a `CyclesClient` or an `AspClient` of a test. */
export interface TestConnection {
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly transport: Transport;
  readonly clock: ManualClock;
}

/** No name that resolves: what gets past a test's handlers reaches nobody (RFC 2606). */
const baseUrl = "https://authority.test";

/** Of no secret's worth: it signs the answers of ASP in a test. */
const signingKey = { kid: "test", privateKey: new Uint8Array(32).fill(1) };

/**
 * Opens an embedded authority for a test: a tenant with a budget and an API key, in memory, on a manual clock.
 * @throws ValidationError for a limit that is no amount, ConfigurationError for a tenant that is no name.
 * @example
 * await using test = await openTestAuthority({ limit: "$1.00" });
 * await agent(test.authority);
 * expect(await test.books()).toMatchObject({ spent: usd("0.07"), reserved: usd(0) });
 */
export async function openTestAuthority({
  limit = "$100.00",
  tenant = "test",
  clock = createManualClock(),
}: TestAuthorityOptions = {}): Promise<TestAuthority> {
  const allocated = typeof limit === "string" ? parseAmount(limit) : limit;
  const embedded = createEmbeddedAuthority({ clock, asp: { issuer: baseUrl, signingKey } });
  const budget = { scope: { tenant }, unit: allocated.unit };
  await embedded.budgets.create({ scope: budget.scope, allocated });
  const { key: apiKey } = await embedded.apiKeys.create({ tenant });
  const inUnit = (amount: bigint): Amount => ({ unit: budget.unit, amount });
  return {
    authority: embedded.authority({ tenant, clock }),
    clock,
    connection: { baseUrl, apiKey, transport: transportTo(embedded), clock },
    embedded,
    books: async () => {
      const { spent, reserved, remaining } = await embedded.budgets.get(budget);
      return { spent: inUnit(spent), reserved: inUnit(reserved), remaining: inUnit(remaining) };
    },
    close: () => embedded.close(),
    [Symbol.asyncDispose]: () => embedded.close(),
  };
}

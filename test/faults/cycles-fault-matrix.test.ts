import {
  AuthorityUnreachableError,
  type Settlement,
  type Transport,
  defaultTransport,
  settlementQueue,
  usdMicrocents,
} from "@imprest/core";
import { CyclesAuthority, withReservation } from "@imprest/cycles";
import { expect, it } from "vitest";
import { contentOf } from "../../packages/core/test/records/record-store-contract.ts";
import { type Fault, type LedgerServer, type Operation, operationOf, refusal } from "./support/ledger-server.ts";
import { startLedger } from "./support/setup.ts";
import { openStore } from "./support/stores.ts";

// Every fault at every operation, over real HTTP, with the fleet's journal: nothing is settled twice, no known spend is
// lost, no promise stays open. The table is what the caller saw.

/** What a fault can reach. */
interface Scene {
  readonly ledger: LedgerServer;
  readonly operation: Operation;
  /** The operations whose connections are refused. */
  readonly refused: Set<Operation>;
}

interface Disturbance {
  /** Makes the next request of the operation fail. */
  begin(scene: Scene): void;
  /** Mends what does not mend itself. */
  end?(scene: Scene): void;
}

const once = (fault: Fault): Disturbance => ({
  begin: ({ ledger, operation }) => ledger.faults[operation].push(fault),
});
const answer = (status: number, error: string, headers: Readonly<Record<string, string>> = {}): Fault => ({
  kind: "answer",
  acted: false,
  status,
  body: refusal(status, error).body,
  headers,
});

const faults: Readonly<Record<string, Disturbance>> = {
  "connection refused": {
    begin: ({ refused, operation }) => refused.add(operation),
    end: ({ refused }) => refused.clear(),
  },
  "reset before": once({ kind: "reset", acted: false }),
  "reset after it acted": once({ kind: "reset", acted: true }),
  hang: once({ kind: "hang", acted: true }),
  "status 500": once(answer(500, "INTERNAL_ERROR")),
  "status 503, no protocol body": once({ kind: "answer", acted: false, status: 503, body: "<html>" }),
  "429 with Retry-After": once(answer(429, "LIMIT_EXCEEDED", { "retry-after": "1" })),
  "401 then fixed": {
    begin: ({ ledger, operation }) =>
      ledger.faults[operation].push(...Array.from({ length: 50 }, () => answer(401, "UNAUTHORIZED"))),
    end: ({ ledger, operation }) => ledger.faults[operation].splice(0),
  },
  "malformed success": once({ kind: "answer", acted: true, status: 200, body: { status: 1 } }),
  "truncated body": once({ kind: "truncated", acted: true }),
};

/** Sends the requests of refused operations to a port where nobody listens. */
function refusing(refused: ReadonlySet<Operation>): Transport {
  const transport = defaultTransport();
  return (request, limits) => {
    const url = new URL(request.url);
    if (refused.has(operationOf(url.pathname))) url.port = "1";
    return transport({ ...request, url: url.href }, limits);
  };
}

const operations: readonly Operation[] = ["create", "extend", "commit", "release", "event"];

/** What came of one cell. */
interface Cell {
  /** The outcomes that the caller got, in order. */
  readonly outcomes: readonly string[];
  readonly requests: number;
}

/** One guarded call whose `operation` meets the fault. */
async function runCell(fault: Disturbance, operation: Operation): Promise<Cell> {
  const { ledger, dir } = await startLedger();
  const records = openStore("fleet", dir, ledger.url);
  const scene = { ledger, operation, refused: new Set<Operation>() };
  const transport = refusing(scene.refused);
  const client = { baseUrl: ledger.url, apiKey: "test-key", subject: { tenant: "acme" }, timeoutMs: 400, transport };
  const authority = new CyclesAuthority(client, { records, ttlMs: 4_000 });
  ledger.remainingMs = operation === "extend" ? 4_000 : 30_000;
  ledger.allExpired = operation === "event";
  // The fault begins just before the request that it is for, and ends half a second later.
  const strike = (): void => {
    fault.begin(scene);
    setTimeout(() => fault.end?.(scene), operation === "extend" ? 1_700 : 500);
  };
  if (operation === "create") strike();
  const outcomes: string[] = [];
  let ran = false;
  const call = withReservation(
    authority,
    { estimate: usdMicrocents(10n), action: { kind: "k" } },
    async (reservation) => {
      ran = true;
      if (operation !== "create") strike();
      if (operation === "extend") await new Promise((resolve) => setTimeout(resolve, 3_000));
      if (operation === "release") {
        reservation.unspent();
        throw new Error("the body failed");
      }
    },
    { spend: () => usdMicrocents(7n), onSettlement: ({ status }: Settlement) => outcomes.push(status) },
  );
  const settled = await Promise.race([
    call.then(
      () => "returned",
      (error: Error) => error.name,
    ),
    new Promise<string>((resolve) => setTimeout(resolve, 15_000, "hung")),
  ]);
  expect(settled).not.toBe("hung");
  expect(await settlementQueue(authority).flush({ timeoutMs: 15_000 })).toEqual({ pending: 0 });

  if (!ran) outcomes.push(settled === AuthorityUnreachableError.name ? "not run: unreachable" : `not run: ${settled}`);
  const spent = ran && operation !== "release" ? 7 : 0;
  expect(ledger.charges.map(({ amount }) => amount)).toEqual(spent === 0 ? [] : [spent]);
  expect(outcomes.at(-1)).toMatch(/^(committed|recorded|released|not run: .*)$/);
  expect(await contentOf(records)).toEqual(new Map());
  await settlementQueue(authority).close({ timeoutMs: 0 });
  await records.close?.();
  return { outcomes, requests: ledger.seen.filter((seen) => seen.operation === operation).length };
}

it("the fault matrix: nothing settled twice, no known spend lost, no promise left pending", async () => {
  const cells = await Promise.all(
    Object.entries(faults).map(async ([name, fault]) => {
      const row = await Promise.all(operations.map((operation) => runCell(fault, operation)));
      return [name, row] as const;
    }),
  );
  const show = ({ outcomes, requests }: Cell): string => `${outcomes.join(", ")} (${requests})`;
  const table = [
    `| fault | ${operations.join(" | ")} |`,
    `|${"---|".repeat(operations.length + 1)}`,
    ...cells.map(([name, row]) => `| ${name} | ${row.map(show).join(" | ")} |`),
  ];
  console.log(`outcomes (requests of that operation)\n${table.join("\n")}`);
});

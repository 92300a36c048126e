import { tokens, withReservation } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { Ledger } from "../../packages/embedded/src/ledger/ledger.ts";
import { BareLedger } from "./bare-ledger.ts";
import { type Effort, type Group, compare, timed } from "./measure.ts";

const tenant = "acme";
const plenty = tokens(10n ** 15n);
const action = { kind: "llm.completion", name: "gpt-5" };
/** The ledger never waits, so that an operation of the benchmark is many of its. */
const per = 1_000;

/** The in-memory ledger by how many budgets it holds, one agent's each, under one tenant's. */
export async function* ledger(effort: Effort): AsyncGenerator<Group> {
  const options = { count: effort.count(100), per, watchLoop: false };
  for (let budgets = 1_000; budgets <= 1_000_000; budgets *= 10) {
    const held = effort.count(budgets);
    yield await compare(
      { title: `ledger, ${held} budgets`, unit: "pairs/s", rounds: effort.rounds(5) },
      {
        "raw Map of bigints": timed(barePairs(held), options),
        "reserve, commit": timed(ledgerPairs(held, "commit"), options),
        "reserve, release": timed(ledgerPairs(held, "release"), options),
      },
    );
  }
}

/** Whole guarded calls with the authority in the process: the kernel, its records and the ledger. */
export async function* inProcess(effort: Effort): AsyncGenerator<Group> {
  yield await compare(
    { title: "guarded calls, the authority in the process", unit: "calls/s", rounds: effort.rounds(5) },
    {
      "raw Map of bigints": timed(barePairs(1), { count: effort.count(50), per, watchLoop: false }),
      guarded: timed(await guardedCall(), { count: effort.count(50_000), watchLoop: false }),
    },
  );
}

export function barePairs(budgets: number): () => void {
  const books = new BareLedger();
  books.createBudget(tenant, plenty.amount);
  for (let at = 0; at < budgets; at += 1) books.createBudget(`${tenant}/bot-${at}`, plenty.amount);
  let pairs = 0;
  return () => {
    for (const end = pairs + per; pairs < end; pairs += 1) {
      books.commit(books.reserve([tenant, `${tenant}/${agentOf(pairs, budgets)}`], 1_000n), 900n);
    }
  };
}

export function ledgerPairs(budgets: number, end: "commit" | "release"): () => void {
  const books = new Ledger();
  books.createBudget({ scope: { tenant }, allocated: plenty });
  for (let at = 0; at < budgets; at += 1)
    books.createBudget({ scope: { tenant, agent: `bot-${at}` }, allocated: plenty });
  let pairs = 0;
  return () => {
    for (const last = pairs + per; pairs < last; pairs += 1) {
      const idempotencyKey = `key-${pairs}`;
      const subject = { tenant, agent: agentOf(pairs, budgets) };
      const { reservation } = books.reserve({ tenant, idempotencyKey, subject, action, estimate: tokens(1_000) });
      if (reservation === undefined) throw new Error("The benchmark's reserve was denied.");
      const settlement = { tenant, reservationId: reservation.id, idempotencyKey };
      if (end === "commit") books.commit({ ...settlement, actual: tokens(900) });
      else books.release(settlement);
    }
  };
}

/** Far from the budget before it, so that no cache helps. */
function agentOf(at: number, budgets: number): string {
  return `bot-${(at * 7_919) % budgets}`;
}

export async function guardedCall(): Promise<() => Promise<unknown>> {
  const embedded = createEmbeddedAuthority();
  const subject = { tenant, workspace: "prod", agent: "bot" };
  for (const scope of [{ tenant }, { tenant, workspace: "prod" }, subject])
    await embedded.budgets.create({ scope, allocated: plenty });
  const authority = embedded.authority({ tenant, subject });
  const request = { estimate: tokens(1_000), action };
  return () => withReservation(authority, request, (reservation) => reservation.spend(tokens(900)));
}

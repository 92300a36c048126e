import type { DeadLetter } from "@imprest/core";
import type { BudgetBalance } from "@imprest/embedded";
import type { CallHistory, History } from "./history.ts";
import { tenant } from "../house.ts";
import type { CallsPlan } from "./plan.ts";

export interface End {
  /** Of each worker: the settlements without a final answer. */
  readonly pending: readonly number[];
  readonly letters: readonly DeadLetter[];
  readonly books: ReadonlyMap<string, BudgetBalance>;
  /** What the tenant spent in the periods that have ended, by their events. */
  readonly spentBefore: bigint;
}

/** What of a run contradicts what the library promises, in words. */
export function breaches(plan: CallsPlan, history: History, end: End): readonly string[] {
  return [...history.calls.flatMap((call) => breachesOf(call, plan, history, end)), ...breachesOfAll(plan, end)];
}

function breachesOf(call: CallHistory, plan: CallsPlan, history: History, { letters, books }: End): readonly string[] {
  const { name, estimate } = call.plan;
  const found: string[] = [];
  const breach = (text: string): void => void found.push(`${name}: ${text}`);
  const own = books.get(`tenant:${tenant}/agent:${name}`);
  if (own === undefined) return [`${name}: its budget is gone`];
  const mine = letters.filter(({ reservationId }) => reservationId === call.reservationId);
  const lettered = mine.reduce((sum, { spent }) => sum + (spent?.amount ?? 0n), 0n);
  const settled = history.settlements.filter(({ reservationId }) => reservationId === call.reservationId);
  const uncovered = settled.reduce((most, { uncovered: one }) => (one && one.amount > most ? one.amount : most), 0n);
  const charged = own.spent + own.debt;
  const covered = charged + lettered + uncovered;
  const sums = `${charged} charged, ${lettered} in letters, ${uncovered} uncovered, ${call.stated} stated`;

  if (own.reserved !== 0n) breach(`${own.reserved} are held beyond the lease`);
  if (!call.isCrashed && call.outcome === undefined) breach("a promise of its caller is pending for ever");
  if (!call.isStarted) {
    if (covered > 0n) breach(`it never started, and there is spend (${sums})`);
    return found;
  }
  // What was stated is paid. A process that dies before the settlement is recorded takes what it knew with it.
  const isForgotten = plan.isForgetful && plan.crashes.length > 0;
  const known = isForgotten ? 0n : call.isCrashed ? call.recorded : call.stated;
  const isReported = call.reservationId !== undefined && history.unrecorded.has(call.reservationId);
  if (!isReported && covered < known) breach(`spend is lost (${sums})`);
  const mayStandIn = call.plan.settles !== undefined || call.plan.partial !== undefined;
  const most = mayStandIn && BigInt(estimate) > call.stated ? BigInt(estimate) : call.stated;
  if (charged > most) breach(`it is charged more than was paid (${sums})`);
  // Two processes that are refused for one reservation write a letter each. A request that its refused repeat overtook may
  // be taken after all: refusals are not remembered under a key.
  const isOne = (call.plan.adopted?.length ?? 0) < 2 && !plan.network.some(({ fault }) => fault === "late");
  if (isOne && !isReported && covered > most) breach(`the books and the letters are more than was paid (${sums})`);
  const isOpen = call.stated === 0n && covered === 0n && settled.every(({ status }) => status === "exported");
  if (isOpen && !isForgotten && !call.isCrashed && !isReported && !mine.some(({ kind }) => kind === "spend-unknown")) {
    if (call.plan.shape !== "exported") breach("nobody says that its spend is unknown");
  }
  const isFigureSoFar = call.plan.shape === "stream" && !call.hasEnded && !call.isCrashed;
  const first = settled.find(({ status }) => status !== "released");
  if (isFigureSoFar && first !== undefined && first.basis === "actual") {
    breach(`a figure so far was committed as the actual one (${sums})`);
  }
  return found;
}

function breachesOfAll(plan: CallsPlan, { pending, books, spentBefore }: End): readonly string[] {
  const found: string[] = [];
  for (const [worker, count] of pending.entries()) {
    if (count > 0) found.push(`worker ${worker}: ${count} settlements never got a final answer`);
  }
  for (const [scope, { allocated, spent, reserved, debt, remaining }] of books) {
    if (remaining !== allocated - spent - reserved - debt) found.push(`${scope}: its books do not add up`);
  }
  const whole = books.get(`tenant:${tenant}`);
  const parts = [...books].filter(([scope]) => scope !== `tenant:${tenant}`);
  const sum = parts.reduce((total, [, { spent, debt }]) => total + spent + debt, 0n);
  const inAll = spentBefore + (whole?.spent ?? 0n) + (whole?.debt ?? 0n);
  // An authority that dies may have ended a period, and its listener was not called.
  const mayHaveMissed = plan.periodMs !== undefined && plan.crashes.length > 0;
  if (mayHaveMissed ? inAll > sum : inAll !== sum) {
    found.push(`the tenant's books have ${inAll} in all periods, those of its agents ${sum}`);
  }
  return found;
}

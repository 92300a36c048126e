import { type Amount, amount } from "@imprest/core";
import { type FactListener, type LedgerAuthority, createLedgerAuthority } from "@imprest/embedded/ledger";
import type { ModelProvider } from "@imprest/testing/models";
import { connectBudget } from "../../budget/connect-budget.ts";
import type { Budget } from "../../budget/budget.ts";
import { prices } from "./provider.ts";

/** Who spends in the demo. */
const who = { tenant: "demo", agent: "writer" } as const;
/** What all agents of the demo's tenant may spend, as so many of the one's limit: there is room for others. */
const agents = 4n;

export interface DemoBudget {
  readonly ledger: LedgerAuthority;
  readonly budget: Budget;
}

/** A ledger in memory with the agent's budget within its tenant's, and what guards the agent's calls by it. */
export async function demoBudget(
  limit: Amount,
  fetch: ModelProvider["fetch"],
  onFact?: FactListener,
): Promise<DemoBudget> {
  const policy = [{ belowPercent: 40, caps: { max_tokens: 400 } }];
  const ledger = createLedgerAuthority({ policy, onFact });
  await ledger.budgets.create({ scope: { tenant: who.tenant }, allocated: amount(limit.unit, limit.amount * agents) });
  await ledger.budgets.create({ scope: who, allocated: limit });
  const authority = ledger.authority({ tenant: who.tenant, subject: { agent: who.agent } });
  return { ledger, budget: connectBudget(authority, { prices, fetch }) };
}

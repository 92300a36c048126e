import { logRecordStore } from "@imprest/core/node";
import { CyclesClient } from "@imprest/cycles";
import { sqliteStore } from "@imprest/embedded/node";
import { guardFetch } from "@imprest/llm";
import { type Budget, type BudgetGuardOptions } from "../../budget/budget.ts";
import { connectBudget } from "../../budget/connect-budget.ts";
import { createBudget } from "../../budget/create-budget.ts";
import type { Environment } from "../../run/routes.ts";
import { type RecoveredCalls, rememberingOpenCalls, settleOpenCalls } from "./open-calls.ts";
import type { RunOptions } from "./options.ts";

/** The budget of a run. */
export interface RunBudget {
  readonly budget: Budget;
  readonly fetch: typeof fetch;
  /** Calls that a killed run had left open. */
  readonly recovered: RecoveredCalls;
  close(): Promise<void>;
}

const noCalls: RecoveredCalls = { booked: 0, refused: 0 };

/** A model may think for long, and a program may be suspended while it reads. */
const longestMs = 86_400_000;

/**
 * Opens the budget: in memory, in a file, or at a server.
 * @throws what the store, the server's configuration and the prices throw.
 */
export async function openRunBudget(
  options: Pick<RunOptions, "limit" | "every" | "store" | "server" | "extraInputTokens" | "extraUnits">,
  guard: Pick<BudgetGuardOptions, "prices" | "fetch">,
  environment: Environment,
): Promise<RunBudget> {
  const { limit, every, store, server, extraInputTokens, extraUnits } = options;
  const guarding = { ...guard, extraInputTokens, extraUnits, idleMs: longestMs, longestMs };
  if (server !== undefined) {
    const client = CyclesClient.fromEnv({}, { ...environment, CYCLES_BASE_URL: server });
    const budget = connectBudget(client, guarding);
    return { budget, fetch: budget.fetch, recovered: noCalls, close: async () => void (await budget.flush()) };
  }
  if (store === undefined) {
    const budget = createBudget({ limit, every, ...guarding });
    return { budget, fetch: budget.fetch, recovered: noCalls, close: () => budget.close() };
  }
  const budget = createBudget({ limit, every, store: sqliteStore({ file: store }), ...guarding });
  const { authority } = budget;
  const records = logRecordStore({ dir: `${store}.open-calls` });
  const recovered = await settleOpenCalls(authority, records);
  await budget.flush();
  const fetch = guardFetch(rememberingOpenCalls(authority, records), budget.guardOptions);
  return {
    budget,
    fetch,
    recovered,
    async close() {
      await budget.close();
      await records.close?.();
    },
  };
}

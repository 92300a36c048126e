// What docs/guides/testing.md tests: it takes its authority from outside, and knows nothing of tests.
// #region program
import { type AuthoritySource, usd } from "@imprest/core";
import { withReservation } from "@imprest/cycles";

export const costOfAnswer = usd("0.07");

export async function answer(source: AuthoritySource, think = async () => "42"): Promise<string> {
  const request = {
    estimate: usd("0.10"),
    action: { kind: "llm.completion" },
    subject: { tenant: "test" },
    ttlMs: 10_000,
  };
  const { value } = await withReservation(source, request, think, { spend: () => costOfAnswer });
  return value;
}
// #endregion

// #region clients
import { type ArcpSession } from "@imprest/arcp";
import { AspAuthority, AspClient, type AspClientOptions } from "@imprest/asp";
import { createFetchTransport } from "@imprest/core";
import { CyclesClient, type CyclesClientOptions } from "@imprest/cycles";

// On Node the default transport is a connection pool, which msw does not see; `fetch` it does.
const transport = createFetchTransport();
export const openCycles = (options: CyclesClientOptions) => new CyclesClient({ transport, ...options });
export const openAsp = (options: AspClientOptions) =>
  new AspAuthority(new AspClient({ transport, ...options }), { budget: { budgetId: "tenant:test" } });
// #endregion

// #region job
export async function research(session: ArcpSession, topic: string): Promise<string> {
  const job = await session.submit({
    agent: "researcher",
    input: { topic },
    lease: { "cost.budget": ["USD:1.00"] },
  });
  const found = (await job.result()) as string;
  return `${found}, USD ${job.budget.remaining("USD")} left`;
}
// #endregion

import { type SpendEvents, formatAmount, parseAmount, settlementQueue, usd } from "@imprest/core";
import { createBudget } from "../../budget/create-budget.ts";
import { type Command, UsageError, readArguments, textOf } from "../command.ts";
import { runAgent } from "../demo/agent.ts";
import { demoProvider, prices } from "../demo/provider.ts";
import { heading, ledger, stepLine } from "../demo/show.ts";
import { ExitCode } from "../exit-code.ts";

const help = `Usage: imprest demo [options]

Runs an agent that calls a model again and again until its budget refuses the next call, and
compares the books with the provider's own bill. A stand-in answers: there is no model, no
account and no network, and nothing is spent.

  --limit AMOUNT     the budget, up to $1; $0.05 unless given

Below 40 % of the budget the authority caps each answer, and the agent goes on with a smaller
model. Exit code: 0 the books are the bill, 1 they are not.
`;

export const demo: Command = {
  help,
  async run(args, terminal) {
    const { values } = readArguments(args, { limit: { type: "string" } }, 0);
    const limit = limitOf(textOf(values, "limit") ?? "$0.05");
    const provider = demoProvider();
    const policy = [{ belowPercent: 40, caps: { max_tokens: 400 } }];
    const budget = createBudget({ limit, prices, policy, fetch: provider.fetch });
    const { observer } = settlementQueue(budget.authority);
    let decision: SpendEvents["decision"] | undefined;
    let cost = usd(0);
    observer.on("decision", (event) => (decision = event));
    budget.on("settled", ({ settlement }) => (cost = settlement.charged ?? usd(0)));

    await terminal.write(heading(limit));
    let calls = 0;
    const denial = await runAgent({
      fetch: budget.fetch,
      models: { large: "demo-large", small: "demo-small" },
      signal: terminal.signal,
      onStep: async (number, model, isStreamed) => {
        calls = number;
        await budget.flush();
        const { estimate = usd(0), caps = [] } = decision ?? {};
        const isCapped = caps.length > 0;
        const step = { number, model, isStreamed, estimate, cost, isCapped };
        await terminal.write(stepLine(step, await budget.balance()));
        return isCapped;
      },
    });
    const left = await budget.balance();
    await budget.close();

    await terminal.write(
      "\n* under caps: the budget allowed fewer tokens, and the agent went on with the smaller model.\n",
    );
    const end = denial ? `Stopped before call ${calls + 1}: ${denial.reasonCode}.` : `Ended after ${calls} calls.`;
    await terminal.write(`\n${end}\n${ledger(left, calls, provider.bill)}`);
    const isBilled = left.spent.amount === provider.bill.amount && left.reserved.amount === 0n;
    await terminal.write(isBilled ? "  It adds up to the microcent.\n" : `  It does not add up.\n`);
    return isBilled ? ExitCode.clean : ExitCode.findings;
  },
};

/** @throws UsageError for what is no amount of dollars that the demo can spend in a moment. */
function limitOf(text: string): ReturnType<typeof usd> {
  const limit = parseAmount(text);
  const most = usd(1);
  if (limit.unit === most.unit && limit.amount > 0n && limit.amount <= most.amount) return limit;
  throw new UsageError(`--limit is an amount of dollars up to ${formatAmount(most)}.`);
}

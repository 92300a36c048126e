import {
  type Amount,
  type SpendEvents,
  formatAmount,
  parseAmount,
  settlementQueue,
  systemClock,
  usd,
} from "@imprest/core";
import { onAbort, sleep } from "@imprest/core/internal";
import type { ModelProvider } from "@imprest/testing/models";
import type { Budget } from "../../budget/budget.ts";
import { type Command, UsageError, readArguments, textOf, wholeOf } from "../command.ts";
import { askedConsole, consoleOptions, showConsole } from "../console/console-options.ts";
import type { OpenConsole } from "../console/open-console.ts";
import { EmbeddedSource } from "../console/embedded-source.ts";
import { runAgent } from "../demo/agent.ts";
import { demoBudget } from "../demo/budget.ts";
import { demoProvider } from "../demo/provider.ts";
import { closingLedger, heading, stepLine } from "../demo/show.ts";
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest demo [options]

Runs an agent that calls a model again and again until its budget refuses the next call, and
compares the books with the provider's own bill. A stand-in answers: there is no model, no
account and no network, and nothing is spent.

  --limit AMOUNT     the budget, up to $1; $0.05 by default
  --console          watch it in a browser, a step a second; stays until Ctrl-C
  --console-port N   any free port by default
  --pace MS          how long a step takes, up to 60000

Below 40 % of the budget the authority caps each answer, and the agent goes on with a smaller
model. Exit code: 0 the books are the bill, 1 they are not.
`;

export const demo: Command = {
  help,
  async run(args, terminal) {
    const text = { type: "string" } as const;
    const { values } = readArguments(args, { limit: text, pace: text, ...consoleOptions }, 0);
    const limit = limitOf(textOf(values, "limit") ?? "$0.05");
    const asked = askedConsole(values);
    const paceMs = wholeOf(values, "pace", 60_000) ?? (asked === undefined ? 0 : 1_000);
    const source = asked && new EmbeddedSource("the demo's ledger, in memory");
    const provider = demoProvider();
    const { signal } = terminal;
    const pause = paceMs === 0 ? () => undefined : () => sleep(systemClock, paceMs / 2, signal);
    // A model takes its time; the budget is held meanwhile.
    const answering: typeof fetch = async (input, init) => {
      await pause();
      return await provider.fetch(input, init);
    };
    const { ledger, budget } = await demoBudget(limit, answering, source?.onFact);
    source?.open(ledger);
    let shown: OpenConsole | undefined;
    try {
      shown = source && asked && (await showConsole(source, asked, terminal));
      const code = await runDemo({ budget, limit, provider, pause }, terminal);
      if (shown === undefined) return code;
      await terminal.write("\nThe console stays open until Ctrl-C.\n");
      await new Promise<void>((resolve) => {
        onAbort(signal, resolve);
      });
      return code;
    } finally {
      await Promise.allSettled([shown?.close(), ledger.close()]);
    }
  },
};

interface Running {
  readonly budget: Budget;
  readonly limit: Amount;
  readonly provider: ModelProvider;
  readonly pause: () => Promise<void> | undefined;
}

/** @returns the exit code: whether the books are the provider's bill. */
async function runDemo({ budget, limit, provider, pause }: Running, terminal: Terminal): Promise<number> {
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
      await pause();
      return isCapped;
    },
  });
  await budget.flush();
  const left = await budget.balance();

  await terminal.write(
    "\n* under caps: the budget allowed fewer tokens, and the agent went on with the smaller model.\n",
  );
  const end = denial ? `Stopped before call ${calls + 1}: ${denial.reasonCode}.` : `Ended after ${calls} calls.`;
  await terminal.write(`\n${end}\n${closingLedger(left, calls, provider.bill)}`);
  const isBilled = left.spent.amount === provider.bill.amount && left.reserved.amount === 0n;
  await terminal.write(isBilled ? "  It adds up to the microcent.\n" : `  It does not add up.\n`);
  return isBilled ? ExitCode.clean : ExitCode.findings;
}

/** @throws UsageError for what is no amount of dollars that the demo can spend in a moment. */
function limitOf(text: string): Amount {
  const limit = parseAmount(text);
  const most = usd(1);
  if (limit.unit === most.unit && limit.amount > 0n && limit.amount <= most.amount) return limit;
  throw new UsageError(`--limit is an amount of dollars up to ${formatAmount(most)}.`);
}

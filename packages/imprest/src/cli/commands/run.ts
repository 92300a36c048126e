import type { DeniedError } from "@imprest/core";
import type { Balance } from "../../budget/balance.ts";
import type { Budget } from "../../budget/budget.ts";
import { childVariables, foreignKeys, withoutServer } from "../../run/child-environment.ts";
import { countRefusals } from "../../run/count-refusals.ts";
import { createGateway } from "../../run/gateway.ts";
import { adviceFor } from "../../run/recipes.ts";
import { type GatewayRoute, routesOf } from "../../run/routes.ts";
import { stopLine } from "../../run/stop-line.ts";
import { Tally } from "../../run/tally.ts";
import { type Command, UsageError } from "../command.ts";
import { type Child, startChild } from "../gateway/child.ts";
import { keepGauge } from "../gateway/gauge.ts";
import { type RunOptions, readRunOptions } from "../gateway/options.ts";
import { type RunBudget, openRunBudget } from "../gateway/run-budget.ts";
import { type GatewayServer, serveGateway } from "../gateway/serve-gateway.ts";
import { upstreamFetch } from "../gateway/upstream-fetch.ts";
import { type PriceFile, readPriceFile } from "../prices/price-file.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest run --budget USD:5.00 [options] -- PROGRAM [arguments]

Runs a program in any language under a budget: a gateway on this machine stands between it and
its model providers, and refuses the call that would exceed the budget.

  --budget AMOUNT        the limit, such as USD:5.00
  --every PERIOD         the budget begins anew each hour, day, week or month
  --store FILE           keeps the budget between runs, one at a time, in a SQLite file
  --server URL           takes the budget of a Cycles server; CYCLES_API_KEY is its key
  --prices FILE          prices.json by default; imprest prices pull MODEL writes it
  --on-limit stop        ends the program at the first denial, with exit code 3; by default, the
                         program gets the provider's own error with status 402
  --keep-keys            the program sees its real keys, for one that checks their form
  --gauge FILE           keeps a file with how the budget stands
  --extra-input-tokens N the most that a provider's own tools, such as its search, may read for a
                         request; by default, a request that has such a tool is refused
  --extra-units NAME=N   how often a tool that is charged by the call may be called for a request
                         that sets no limit, such as webSearch=10

The program sees random tokens in place of its keys. Exit code: the program's, or 128 and the
number of the signal that ended it.
`;

/** The exit code of a program that `--on-limit stop` has ended. */
const limitReached = 3;
/** How long a program may take to end once it is asked to. */
const graceMs = 10_000;

export const run: Command = {
  help,
  async run(args, terminal) {
    const options = readRunOptions(args);
    const prices = await pricesOf(options, terminal);
    const routes = routesOf(terminal.environment, options.keepsKeys);
    const upstream = await upstreamFetch(terminal.environment);
    try {
      const opened = await openRunBudget(options, { prices, fetch: upstream.fetch }, terminal.environment);
      try {
        return await runUnder(opened, routes, options, terminal);
      } finally {
        await opened.close();
      }
    } finally {
      await upstream.close();
    }
  },
};

function warnOfRecovered(calls: number, what: string, terminal: Terminal): void {
  if (calls === 0) return;
  terminal.warn(`imprest run: ${calls === 1 ? "1 call" : `${calls} calls`} of a run that was killed: ${what}\n`);
}

async function runUnder(
  { budget, fetch, recovered }: RunBudget,
  routes: readonly GatewayRoute[],
  options: RunOptions,
  terminal: Terminal,
): Promise<number> {
  warnOfRecovered(recovered.booked, "settled as an estimate", terminal);
  warnOfRecovered(
    recovered.refused,
    "nothing was booked, since the books have its end already or do not know it",
    terminal,
  );
  const tally = new Tally();
  let child: Child | undefined;
  let stopping: Promise<void> | undefined;
  budget.on("settled", (event) => tally.settled(event));
  const onDenied = (denial: DeniedError | undefined): void => {
    if (!options.stopsAtLimit || stopping !== undefined || child === undefined) return;
    child.stop("SIGTERM");
    setTimeout(() => child?.stop("SIGKILL"), graceMs).unref();
    stopping = balanceOf(budget).then((balance) => {
      terminal.warn(stopLine(options.command[0] ?? "", denial?.reasonCode, balance, options));
    });
  };
  let server: GatewayServer | undefined;
  const handle = createGateway({
    routes,
    fetch: countRefusals(fetch, tally, onDenied),
    hosts: () => server?.hosts ?? [],
    onPassed: () => (tally.passed += 1),
  });
  server = await serveGateway(handle);
  const inherited = options.server === undefined ? terminal.environment : withoutServer(terminal.environment);
  const endGauge = options.gauge === undefined ? undefined : keepGauge(budget, options.gauge);
  try {
    const variables = childVariables(server.origin, routes, inherited);
    terminal.warn(announced(variables, server.origin, foreignKeys(inherited, variables)));
    const advice = adviceFor(options.command);
    if (advice !== undefined) terminal.warn(`imprest run: ${advice}\n`);
    child = await startChild(options.command, { ...inherited, ...variables });
    const code = await child.ended;
    await server.close();
    await budget.flush();
    await endGauge?.();
    await stopping;
    terminal.warn(tally.summary(await balanceOf(budget)));
    return stopping === undefined ? code : limitReached;
  } finally {
    await server.close();
  }
}

/** The program's exit code must not depend on a server that is gone by now. */
function balanceOf(budget: Budget): Promise<Balance | undefined> {
  return budget.balance().catch(() => undefined);
}

/** What was set, without the values of keys. */
function announced(variables: Readonly<Record<string, string>>, origin: string, foreign: readonly string[]): string {
  const set = Object.entries(variables).filter(([name]) => !/^no_proxy$/i.test(name));
  const bases = set.filter(([, value]) => value.startsWith(`${origin}/`));
  const lines = bases.map(([name, value]) => `  ${name}=${value}\n`);
  const keys = set.filter((variable) => !bases.includes(variable)).map(([name]) => name);
  const replaced = keys.length === 0 ? "no key" : keys.join(", ");
  const kept = foreign.length === 0 ? "" : `  not budgeted, and left as they are: ${foreign.join(", ")}\n`;
  return `imprest run: set for the program, with tokens of the gateway for ${replaced}:\n${lines.join("")}${kept}`;
}

async function pricesOf({ prices }: RunOptions, terminal: Terminal): Promise<PriceFile> {
  try {
    return await readPriceFile(prices, terminal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new UsageError(
      `There is no ${prices}. Write it with npx imprest prices pull MODEL --out ${prices}, without a network from a file (--from FILE), or by hand (docs/prices.md).`,
      {
        cause: error,
      },
    );
  }
}

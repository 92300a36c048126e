import { ConfigurationError, ImprestError, ProtocolError, TransportError } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { type Command, readArguments } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest doctor

Checks, one after the other: the CYCLES_… variables, whether the authority answers, whether it
takes the key, and whether the tenant has a budget. Says what is wrong and what to do. Sends one
read; changes nothing.
`;

interface Check {
  readonly passed: boolean;
  readonly text: string;
}

export const doctor: Command = {
  help,
  async run(args, terminal) {
    readArguments(args, {}, 0);
    for await (const { passed, text } of examine(terminal)) {
      await terminal.write(`${passed ? "ok    " : "WRONG "} ${text}\n`);
      if (!passed) return ExitCode.findings;
    }
    return ExitCode.clean;
  },
};

/** The checks in order; the first that fails is the last that is made. */
async function* examine({ environment, signal }: Terminal): AsyncGenerator<Check> {
  let client: CyclesClient;
  try {
    client = CyclesClient.fromEnv({}, environment);
  } catch (error) {
    if (!ConfigurationError.isInstance(error)) throw error;
    yield { passed: false, text: error.message };
    return;
  }
  const { baseUrl } = client.connection.options;
  yield { passed: true, text: `the configuration is complete; the authority is ${baseUrl}` };

  const tenant = environment["CYCLES_TENANT"];
  if (!tenant) {
    yield {
      passed: false,
      text: "CYCLES_TENANT is not set, so no balance can be asked for. Set it to the key's tenant.",
    };
    return;
  }
  let budgets = 0;
  try {
    for await (const found of client.getBalances({ tenant }, { signal })) budgets += found === undefined ? 0 : 1;
  } catch (error) {
    yield* explain(error, baseUrl, tenant);
    return;
  }
  yield { passed: true, text: "the authority answers and takes the key" };
  if (budgets === 0) {
    yield {
      passed: false,
      text: `tenant ${tenant} has no budget of its own. Create one, or reserve in a scope beneath that has one.`,
    };
    return;
  }
  yield { passed: true, text: `tenant ${tenant} has ${budgets === 1 ? "a budget" : `budgets in ${budgets} units`}` };
}

function* explain(error: unknown, baseUrl: string, tenant: string): Generator<Check> {
  if (TransportError.isInstance(error)) {
    yield {
      passed: false,
      text: `${error.message} Check that it runs at ${baseUrl} and that nothing in between refuses it.`,
    };
    return;
  }
  if (!ProtocolError.isInstance(error)) {
    if (!ImprestError.isInstance(error)) throw error;
    yield { passed: false, text: error.message };
    return;
  }
  yield { passed: true, text: "the authority answers" };
  const where = error.requestId === undefined ? "" : ` (request ${error.requestId})`;
  if (error.status === 401) yield { passed: false, text: `it does not know the key${where}. Check CYCLES_API_KEY.` };
  else if (error.status === 403)
    yield { passed: false, text: `the key is not tenant ${tenant}'s${where}. Check CYCLES_TENANT.` };
  else yield { passed: false, text: `${error.message}${where}` };
}

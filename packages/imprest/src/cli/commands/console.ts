import { AbortedError, ConnectionError, ImprestError, TimeoutError } from "@imprest/core";
import { onAbort } from "@imprest/core/internal";
import { CyclesClient, fromEnv } from "@imprest/cycles";
import { CyclesGovernanceClient } from "@imprest/cycles/governance";
import { type Command, UsageError, readArguments, textOf, textsOf, wholeOf } from "../command.ts";
import { showConsole } from "../console/console-options.ts";
import { CyclesSource } from "../console/cycles-source.ts";
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest console [options]

Looks at a tenant of a Cycles server in a browser of this machine: budgets and when they run out,
reservations as they open and settle, and denials where the server lists events. The API key of
CYCLES_API_KEY stays in this process; the page never has it. Stopped by Ctrl-C.

  --server URL       CYCLES_BASE_URL by default
  --governance URL   where events are listed, if not at the server
  --tenant NAME      CYCLES_TENANT, or the one that the server says the key is of
  --records PATH     a record store whose waiting settlements are shown; may be repeated
  --port N           of the page; any free port by default

The server is looked at each second. The link that is printed works once, in one browser. To
look at an authority of this machine as things happen: imprest serve --console
`;

export const consoleCommand: Command = {
  help,
  async run(args, terminal) {
    const text = { type: "string" } as const;
    const options = { server: text, governance: text, tenant: text, port: text } as const;
    const { values } = readArguments(args, { ...options, records: { type: "string", multiple: true } }, 0);
    const server = textOf(values, "server");
    const given = fromEnv(server === undefined ? {} : { baseUrl: server }, terminal.environment);
    const client = new CyclesClient(given);
    const { subject: _subject, ...plane } = given;
    const governance = new CyclesGovernanceClient({ ...plane, baseUrl: textOf(values, "governance") ?? given.baseUrl });
    const tenant =
      textOf(values, "tenant") ?? terminal.environment["CYCLES_TENANT"] ?? (await tenantOf(governance, terminal));
    await assertReadable(client, tenant, terminal);
    const source = new CyclesSource({ client, governance, tenant });
    const asked = { port: wholeOf(values, "port", 65_535), records: textsOf(values, "records") };
    await terminal.write(`Looking at the tenant ${tenant} of ${source.authority.target}.\n`);
    const shown = await showConsole(source, asked, terminal);
    await new Promise<void>((resolve) => {
      onAbort(terminal.signal, resolve);
    });
    await shown.close();
    return ExitCode.clean;
  },
};

/** A key that cannot look, or a tenant that it is not of, is said here rather than in the page. @throws as the server refuses. */
async function assertReadable(client: CyclesClient, tenant: string, { signal }: Terminal): Promise<void> {
  await client.getBalances({ tenant, limit: 1 }, { signal }).first();
}

/** @throws UsageError where the server does not say. */
async function tenantOf(governance: CyclesGovernanceClient, { signal }: Terminal): Promise<string> {
  try {
    const found = await governance.introspect({ signal });
    if (found?.tenant_id !== undefined) return found.tenant_id;
  } catch (error) {
    // A server without a governance plane does not know the path.
    if (!ImprestError.isInstance(error) || isOutOfReach(error)) throw error;
  }
  throw new UsageError("The server does not say whose the key is; name the tenant: --tenant acme, or CYCLES_TENANT.");
}

function isOutOfReach(error: unknown): boolean {
  return [AbortedError, ConnectionError, TimeoutError].some((kind) => kind.isInstance(error));
}

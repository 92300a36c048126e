import { readFile } from "node:fs/promises";
import { ConfigurationError } from "@imprest/core";
import { onAbort, randomHex } from "@imprest/core/internal";
import { evidenceJwksUrl } from "@imprest/cycles/evidence";
import {
  type EvidenceOptions,
  type GovernanceOptions,
  type Webhook,
  type WebhookGroup,
  createEmbeddedAuthority,
} from "@imprest/embedded";
import { checkedTransport, serve as listen, sqliteStore } from "@imprest/embedded/node";
import { type Command, UsageError, type Values, readArguments, textOf, textsOf, wholeOf } from "../command.ts";
import { askedConsole, consoleOptions, showConsole } from "../console/console-options.ts";
import { EmbeddedSource } from "../console/embedded-source.ts";
import type { OpenConsole } from "../console/open-console.ts";
import { ExitCode } from "../exit-code.ts";
import { Opening } from "../serve-opening.ts";
import { ensureBudget, createKey, readKeyFile } from "../serve-books.ts";
import { aspOptions, readAsp } from "../serve-asp.ts";
import { type KeyLine, type ServeConfig, parseBudget, parseKey, readConfig } from "../serve-config.ts";
import type { Terminal } from "../terminal.ts";

const help = `Usage: imprest serve [options]

Serves a budget authority over the Cycles wire until it is stopped (Ctrl-C).

  --budget SCOPE=AMOUNT  create a budget: tenant:acme/agent:bot=USD:5.00, or one that resets:
                         tenant:acme=USD:5.00/day@Europe/Berlin; may be repeated
  --key TENANT[=KEY]     bind an API key to a tenant; a fresh one is printed once; may be repeated
  --key-file TENANT=FILE as --key, with the key in a file, which is made when it does not exist
  --config FILE          budgets, keys, policy, overdraft, admin keys and webhooks (README)
  --fill-in-tenant       read a subject that names no tenant as one of the caller's
  --admin                serve the governance plane too; without adminKeys, one is printed once
  --store FILE           keep the ledger in a SQLite file; without it, it is lost at the end
  --evidence             sign what is decided, and serve the envelopes and the keys
  --server-id URL        in whose name to sign, /v1 included; the address that is served by default
  --asp ORIGIN --asp-key FILE
                         speak the Agent Spend Protocol too, as this issuer; a private JWK, or made
  --asp-ttl MS, --asp-grace MS, --asp-prefix NAME, --asp-retired FILE
                         600000, 30000, imprest; earlier public keys, a JWK Set
  --asp-overage [BUDGET=]REJECT|CHARGE_OVERAGE
                         what becomes of a commit beyond its reserve; may be repeated
  --console              look at it in a browser, at --console-port N; the printed link works once
  --records PATH         a record store whose waiting settlements the console shows; may be repeated
  --port N, --host NAME  7878, or 0 for any free port; 127.0.0.1, anything else needs one of
  --behind-tls           a proxy in front of it speaks TLS
  --allow-insecure       keys may travel in the clear, on a network of your own

A budget that the store holds already is raised to what is allocated here, and else left as it
is. So are keys: --key TENANT makes one where the tenant has none. Signing keys are kept there.
`;

export const serve: Command = {
  help,
  async run(args, terminal) {
    const text = { type: "string" } as const;
    const list = { type: "string", multiple: true } as const;
    const flag = { type: "boolean" } as const;
    const access = { key: list, "key-file": list, "behind-tls": flag, "allow-insecure": flag } as const;
    const flags = { budget: list, config: text, store: text, port: text, host: text, ...access } as const;
    const admin = { admin: flag, "fill-in-tenant": flag } as const;
    const signing = { evidence: flag, "server-id": text, ...aspOptions } as const;
    const options = { ...flags, ...admin, ...signing, ...consoleOptions } as const;
    const { values } = readArguments(args, options, 0);
    const opening = new Opening(terminal);
    try {
      const config = await configOf(values, opening);
      await serveBooks(config, values, opening, terminal);
    } finally {
      // Also where the start failed: a fresh key that the store holds by now is printed this once.
      await opening.close();
    }
    return ExitCode.clean;
  },
};

async function serveBooks(config: ServeConfig, values: Values, opening: Opening, terminal: Terminal): Promise<void> {
  const evidence = evidenceOf(values);
  const asp = await readAsp(values, config.asp, terminal);
  const store = textOf(values, "store");
  const asked = askedConsole(values);
  const source = asked && new EmbeddedSource(store ?? "a ledger in memory");
  const adminKeys = adminKeysOf(config, values["admin"] === true);
  const fillInTenant = values["fill-in-tenant"] === true;
  if (!fillInTenant && config.budgets.some(({ scope }) => scope.tenant !== undefined)) {
    opening.warn("a subject that names no tenant draws on none of its budgets; see --fill-in-tenant.");
  }
  const authority = createEmbeddedAuthority({
    fillInTenant,
    ...(store !== undefined && { store: sqliteStore({ file: store }) }),
    ...(config.policy !== undefined && { policy: config.policy }),
    ...(config.overdraft !== undefined && { overdraft: config.overdraft }),
    ...(evidence !== undefined && { evidence }),
    ...(asp !== undefined && { asp }),
    ...(source !== undefined && { onFact: source.onFact }),
    ...(adminKeys !== undefined && { governance: governanceOf(adminKeys, config) }),
  });
  source?.open(authority);
  let shown: OpenConsole | undefined;
  try {
    for (const budget of config.budgets) opening.note(await ensureBudget(authority, budget, opening));
    for (const key of config.keys) opening.key(await createKey(authority, key));
    const { webhooks } = authority;
    if (webhooks !== undefined) {
      for (const webhook of config.webhooks ?? []) opening.note(await addWebhook(webhooks, webhook));
    }
    if (adminKeys !== undefined) {
      const shownKeys = config.adminKeys === undefined ? adminKeys.join(", ") : "as given";
      opening.key(`Admin key of the governance plane: ${shownKeys}`);
    }
    const server = await listen(authority, {
      port: wholeOf(values, "port", 65_535),
      host: textOf(values, "host"),
      behindTls: values["behind-tls"] === true,
      allowInsecure: values["allow-insecure"] === true,
    });
    if (evidence !== undefined) {
      const serverId = evidence.serverId ?? `${server.url}/v1`;
      opening.note(`Signing evidence as ${serverId}; its keys: ${evidenceJwksUrl(serverId)}`);
    }
    if (asp !== undefined) opening.note(`Speaking ASP as ${asp.issuer}, signing as ${asp.signingKey.kid}.`);
    opening.address(
      `Serving the Cycles wire at ${server.url}${store === undefined ? ", in memory" : ` from ${store}`}.`,
    );
    await opening.close();
    shown = source && asked && (await showConsole(source, asked, terminal));
    await new Promise<void>((resolve) => {
      onAbort(terminal.signal, resolve);
    });
    await server.close();
  } finally {
    await shown?.close();
    await authority.close();
  }
}

function evidenceOf(values: Values): EvidenceOptions | undefined {
  const serverId = textOf(values, "server-id");
  if (values["evidence"] === true) return { serverId };
  if (serverId !== undefined) throw new UsageError("--server-id names who signs; add --evidence to sign.");
  return undefined;
}

/** Whose the governance plane is; `undefined` where it is not asked for. @throws UsageError for webhooks without it. */
function adminKeysOf({ adminKeys, webhooks }: ServeConfig, isAsked: boolean): readonly string[] | undefined {
  if (adminKeys !== undefined) return adminKeys;
  if (isAsked) return [`imp_admin_${randomHex(24)}`];
  if (webhooks === undefined) return undefined;
  throw new UsageError("webhooks belong to the governance plane; add adminKeys, or --admin.");
}

/** A tenant's webhooks go to public addresses, checked where their names are resolved. */
function governanceOf(adminKeys: readonly string[], { allowAddresses }: ServeConfig): GovernanceOptions {
  return { adminKeys, allowAddresses, tenantTransport: checkedTransport({ allowAddresses }) };
}

async function addWebhook(webhooks: WebhookGroup, webhook: Webhook): Promise<string> {
  try {
    await webhooks.add(webhook);
  } catch (error) {
    if (ConfigurationError.isInstance(error)) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  return `Webhook ${webhook.id}: ${new URL(webhook.url).origin}.`;
}

/** Flags add to what the file says. */
async function configOf(values: Values, opening: Opening): Promise<ServeConfig> {
  const path = textOf(values, "config");
  const file = path === undefined ? { budgets: [], keys: [] } : readConfig(await readFile(path, "utf8"), path);
  const keys = textsOf(values, "key").map(parseKey);
  if (keys.some(({ key }) => key !== undefined)) {
    opening.warn("every user of this machine can read a key on a command line; use --key-file.");
  }
  const keyFiles: KeyLine[] = [];
  for (const line of textsOf(values, "key-file")) keyFiles.push(await readKeyFile(line));
  return {
    ...file,
    budgets: [...file.budgets, ...textsOf(values, "budget").map(parseBudget)],
    keys: [...file.keys, ...keys, ...keyFiles],
  };
}

import { type Transport } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import {
  type AspOptions,
  type EmbeddedAuthority,
  type EmbeddedAuthorityOptions,
  type LedgerStore,
  createEmbeddedAuthority,
} from "@imprest/embedded";
import { onTestFinished } from "vitest";
import { type AuditEventReport, type AuditTrust, createAuditTrust, verifyAuditEvent } from "../../src/audit/index.ts";
import { AspClient, type AspClientOptions, type PromisedEvent } from "../../src/index.ts";

export const issuer = "https://authority.example";
export const seed = Uint8Array.from({ length: 32 }, (_, at) => at + 7);
export const budgetId = "tenant:acme/agent:bot";
export const unit = "TOKENS";

export interface House {
  readonly embedded: EmbeddedAuthority<{ readonly asp: AspOptions }>;
  readonly apiKey: string;
  /** A transport straight into the authority's handler: its bytes, without a socket. */
  readonly transport: Transport;
  readonly promised: PromisedEvent[];
  client(options?: Partial<AspClientOptions>): AspClient;
}

/** An authority with one budget of 10,000 tokens, and clients onto it. */
export async function openHouse(
  options: Omit<EmbeddedAuthorityOptions, "asp"> & { readonly asp?: Partial<EmbeddedAuthorityOptions["asp"]> } = {},
  { fresh = true, closes = true }: { readonly fresh?: boolean; readonly closes?: boolean } = {},
): Promise<House> {
  const { asp, ...others } = options;
  const signingKey = { kid: "k1", privateKey: seed };
  const embedded = createEmbeddedAuthority({ ...others, asp: { issuer, signingKey, ...asp } });
  if (closes) onTestFinished(() => embedded.close());
  if (fresh)
    await embedded.budgets.create({ scope: { tenant: "acme", agent: "bot" }, allocated: { unit, amount: 10_000n } });
  const { key: apiKey } = await embedded.apiKeys.create({ tenant: "acme" });
  const promised: PromisedEvent[] = [];
  const transport: Transport = async ({ method, url, headers, body }) => {
    const response = await embedded.handler(new Request(url, { method, headers, ...(body !== undefined && { body }) }));
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  };
  const { clock } = options;
  return {
    embedded,
    apiKey,
    transport,
    promised,
    client: (more = {}) =>
      new AspClient({
        baseUrl: issuer,
        apiKey,
        transport,
        clock,
        onPromisedEvent: (event) => promised.push(event),
        ...more,
      }),
  };
}

export { createManualClock };

export const claim = (amountAtomic: bigint): { budgetId: string; unit: string; amountAtomic: bigint } => ({
  budgetId,
  unit,
  amountAtomic,
});

/** Trust in the keys that the authority publishes now. */
export async function trustIn({ embedded }: House): Promise<AuditTrust> {
  const response = await embedded.handler(new Request(`${issuer}/.well-known/asp-jwks.json`));
  return createAuditTrust({ origins: [issuer], jwks: { [issuer]: await response.json() } });
}

export async function feedOf({ embedded, apiKey }: House): Promise<string[]> {
  const lines: string[] = [];
  let cursor = "0";
  for (;;) {
    const url = `${issuer}/asp/events?cursor=${cursor}&limit=7`;
    const headers = { authorization: `Bearer ${apiKey}` };
    const response = await embedded.handler(new Request(url, { headers }));
    const body = await response.text();
    if (body === "") return lines;
    lines.push(...body.trimEnd().split("\n"));
    cursor = response.headers.get("asp-next-cursor") ?? "";
  }
}

export async function verifyAll(lines: readonly string[], trust: AuditTrust): Promise<AuditEventReport[]> {
  return Promise.all(lines.map((line) => verifyAuditEvent(line, { trust })));
}

/** A ledger's store that the next authority finds as the one before left it. */
export function storeThatOutlives(): LedgerStore {
  const disk = new Map<string, string>();
  return {
    load: () => [...disk],
    async write(take) {
      for (const [key, value] of take()) {
        if (value === undefined) disk.delete(key);
        else disk.set(key, value);
      }
    },
    close() {},
  };
}

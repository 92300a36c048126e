import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { serve } from "@imprest/embedded/node";

/** A Cycles authority on this machine that signs evidence of what it decides, as a deployed one may. */
export interface AuthorityServer {
  readonly url: string;
  readonly apiKey: string;
  /** What the ledger has booked, in microcents. */
  spent(): Promise<bigint>;
  /** What it still holds back. */
  reserved(): Promise<bigint>;
  close(): Promise<void>;
}

const tenant = "acme";

export async function startAuthority(): Promise<AuthorityServer> {
  const embedded = createEmbeddedAuthority({ evidence: {} });
  await embedded.budgets.create({ scope: { tenant }, allocated: usd("1000") });
  const { key } = await embedded.apiKeys.create({ tenant });
  const server = await serve(embedded, { port: 0 });
  const budget = () => embedded.budgets.get({ scope: { tenant }, unit: "USD_MICROCENTS" });
  return {
    url: server.url,
    apiKey: key,
    spent: async () => (await budget()).spent,
    reserved: async () => (await budget()).reserved,
    async close() {
      await server.close();
      await embedded.close();
    },
  };
}

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
  await embedded.createBudget({ scope: { tenant }, allocated: usd("1000") });
  const { key } = await embedded.createApiKey({ tenant });
  const server = await serve(embedded, { port: 0 });
  const budget = () => embedded.getBudget({ scope: { tenant }, unit: "USD_MICROCENTS" });
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

import { CyclesAuthority } from "./authority.ts";
import { CyclesOperations } from "./client-operations.ts";
import { type CyclesClientOptions, type EnvironmentVariables, fromEnv } from "./options.ts";

/**
 * The client of one Cycles authority: the wire's operations, and the authority that the helpers guard calls with.
 * @example
 * const client = new CyclesClient({ baseUrl: "https://cycles.example.com", apiKey, subject: { tenant: "acme" } });
 * const { balances } = await client.getBalances({ tenant: "acme" }).first();
 */
export class CyclesClient extends CyclesOperations {
  #authority: CyclesAuthority | undefined;

  /** A client configured by `CYCLES_…` variables; see `fromEnv`. @throws ConfigurationError naming the variable. */
  static fromEnv(overrides?: Partial<CyclesClientOptions>, variables?: EnvironmentVariables): CyclesClient {
    return new CyclesClient(fromEnv(overrides, variables));
  }

  /** What the helpers use when they are given this client: one authority with the defaults, and so one queue. */
  get authority(): CyclesAuthority {
    return (this.#authority ??= new CyclesAuthority(this));
  }
}

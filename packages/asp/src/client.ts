import { AspAuthority } from "./authority.ts";
import { AspVerbs } from "./verbs.ts";

/**
 * The client of one ASP authority: the verbs of the wire, and the authority that the helpers guard calls with.
 * @example
 * const client = new AspClient({ baseUrl: "https://asp.example.com", apiKey });
 * const books = await client.queryBudget({ budgetId: "research", unit: "USD_MICROCENTS" });
 */
export class AspClient extends AspVerbs {
  #authority: AspAuthority | undefined;

  /** What the helpers use when they are given this client: one authority with the defaults, and so one queue. */
  get authority(): AspAuthority {
    return (this.#authority ??= new AspAuthority(this));
  }
}

import { AspAuthority } from "./authority.ts";
import { AspVerbs } from "./verbs.ts";

/** The client of one ASP authority: the verbs of the wire, and the authority that the helpers guard calls with. */
export class AspClient extends AspVerbs {
  #authority: AspAuthority | undefined;

  /** What the helpers use when they are given this client: one authority with the defaults, and so one queue. */
  get authority(): AspAuthority {
    return (this.#authority ??= new AspAuthority(this));
  }
}

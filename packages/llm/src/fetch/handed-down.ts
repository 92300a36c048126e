import { type Amount, type Reservation, type SpendAuthority, type Subject, compareAmounts } from "@imprest/core";
import { randomHex } from "@imprest/core/internal";

/**
 * Names a reservation that an adapter above has opened for the request. Its value is random and known to nobody but this
 * process: a header from elsewhere names none, and the request is reserved as any other. It leaves only where no guard
 * stands below, means nothing there, and names nothing once the call is over.
 */
const header = "imprest-reservation";

/** The same in every copy of this package: an adapter and a guard meet at the authority that both ask. */
const member: unique symbol = Symbol.for("imprest.handed-down");

type HandingAuthority = SpendAuthority & { readonly [member]?: Map<string, HandedDown> };

function handedBy(authority: HandingAuthority): Map<string, HandedDown> {
  if (Object.hasOwn(authority, member) && authority[member] !== undefined) return authority[member];
  const handed = new Map<string, HandedDown>();
  Object.defineProperty(authority, member, { value: handed });
  return handed;
}

/** A reservation on its way from an adapter to the guard below, so that two levels do not hold the same money. */
export class HandedDown {
  readonly #reservation: Reservation;
  #isTaken = false;

  constructor(reservation: Reservation) {
    this.#reservation = reservation;
  }

  /** A guard has taken the reservation, and settles it. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** Who spends, for attempts after the first one too. */
  get subject(): Subject | undefined {
    return this.#reservation.subject;
  }

  /**
   * Takes the reservation, once; each further attempt is one of its own.
   * @returns `undefined` where it does not cover `estimate`: it is released then, so that a larger one finds its money.
   */
  async take(estimate: Amount): Promise<Reservation | undefined> {
    if (this.#isTaken) return undefined;
    this.#isTaken = true;
    const { reserved } = this.#reservation;
    if (reserved.unit === estimate.unit && compareAmounts(reserved, estimate) >= 0) return this.#reservation;
    await this.#reservation.release("the request can cost more than was reserved above").catch(() => {});
    return undefined;
  }
}

/** Has the guards of `authority` take `reservation` for requests with `headers`, until `end` is called. */
export function handDown(
  authority: SpendAuthority,
  reservation: Reservation,
): { readonly handed: HandedDown; readonly headers: Readonly<Record<string, string>>; readonly end: () => void } {
  const waiting = handedBy(authority);
  const name = randomHex(16);
  const handed = new HandedDown(reservation);
  waiting.set(name, handed);
  return { handed, headers: { [header]: name }, end: () => waiting.delete(name) };
}

/** Takes the header off a request. @returns what was handed down for it. */
export function takeHandedDown(authority: SpendAuthority, headers: Headers): HandedDown | undefined {
  const name = headers.get(header);
  headers.delete(header);
  return name === null ? undefined : handedBy(authority).get(name);
}

import type { FactListener } from "../ledger/facts.ts";
import type { Ledger } from "../ledger/ledger.ts";

/** Hands every fact to the listener once it is durable, in the order in which they happened. */
export function listenOnceDurable(ledger: Ledger, listener: FactListener | undefined): void {
  if (listener === undefined) return;
  ledger.listen((fact, moment) => {
    // A store that failed fails every call; a listener's own failure must not break the ledger.
    ledger
      .durable()
      .then(() => listener(fact, moment))
      .catch(() => {});
  });
}

import assert from "node:assert/strict";
import { tokens, withReservation } from "@imprest/core";

// #region ledger
import { createLedgerAuthority } from "@imprest/embedded/ledger";

const ledger = createLedgerAuthority({ onFact: (fact) => console.log(fact.kind) });
await ledger.budgets.create({ scope: { tenant: "acme" }, allocated: tokens(100_000) });
const authority = ledger.authority({ tenant: "acme" });
// #endregion

await withReservation(authority, { estimate: tokens(1_500), action: { kind: "llm.completion" } }, async (reservation) =>
  reservation.spend(tokens(1_120)),
);
const { spent } = await ledger.budgets.get({ scope: { tenant: "acme" }, unit: "TOKENS" });
assert.equal(spent, 1_120n);
await ledger.close();

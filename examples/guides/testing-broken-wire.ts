// A wire that loses an answer, with the real ledger behind it and no port.
// #region broken
import assert from "node:assert/strict";
import { usd } from "@imprest/core";
import { CyclesClient, withReservation } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { brokenTransport, transportTo } from "@imprest/testing";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "test" }, allocated: usd("1.00") });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "test" });

const transport = brokenTransport(transportTo(embedded), (_request, count) =>
  count === 1 ? "answer-lost" : undefined,
);
const client = new CyclesClient({ baseUrl: "https://cycles.example", apiKey, transport });
const request = { estimate: usd("0.10"), action: { kind: "llm.completion" }, subject: { tenant: "test" } };
await withReservation(client, request, () => "done", { spend: () => usd("0.07") });

// The reserve was asked again under its key, so the money is held once and charged once.
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "test" }, unit: "USD_MICROCENTS" });
assert.deepEqual({ spent, reserved }, { spent: usd("0.07").amount, reserved: 0n });
// #endregion
await embedded.close();

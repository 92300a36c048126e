// packages/testing/README.md, docs/guides/testing.md: the client's own HTTP, answered without a port.
import assert from "node:assert/strict";
// #region msw
import { setupServer } from "msw/node";
import { createFetchTransport, usd } from "@imprest/core";
import { CyclesClient, withReservation } from "@imprest/cycles";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { cyclesHandlers } from "@imprest/testing/msw";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "test" }, allocated: usd("1.00") });
const { key: apiKey } = await embedded.apiKeys.create({ tenant: "test" });

const baseUrl = "https://cycles.example";
const server = setupServer(...cyclesHandlers(embedded, { baseUrl }));
server.listen({ onUnhandledFrame: "error" });

// On Node the default transport is a connection pool, which msw does not see.
const client = new CyclesClient({ baseUrl, apiKey, transport: createFetchTransport() });
// #endregion

const request = { estimate: usd("0.10"), action: { kind: "llm.completion" }, subject: { tenant: "test" } };
await withReservation(client, request, () => "answer", { spend: () => usd("0.07") });
const { spent } = await embedded.budgets.get({ scope: { tenant: "test" }, unit: "USD_MICROCENTS" });
assert.equal(spent, usd("0.07").amount);
server.close();
await embedded.close();

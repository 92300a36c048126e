// docs/guides/x402.md: requests that are paid from a budget, once a purchase, and one whose answer is lost.
import assert from "node:assert/strict";
import { memoryRecordStore, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { x402Client, x402HTTPClient } from "@x402/core/client";
import { chain, parseAbi, scheme, url, viem } from "./x402-seller.ts";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("0.05") });
const records = memoryRecordStore(); // yours is a file or a database: it outlives the process
const wallet = x402Client.fromConfig({ schemes: [{ network: "eip155:84532", client: scheme }], spendControls: false });

// #region setup
import { recover } from "@imprest/ap2";
import { guardX402Fetch, x402LookupCharge } from "@imprest/ap2/x402";

const budget = embedded.authority({ tenant: "acme", records }); // or a CyclesAuthority
const terms = { tenant: "acme", runId: "run_1" };
const onUnsettled = (error: unknown): void => console.log("held:", error);
const pay = guardX402Fetch(fetch, new x402HTTPClient(wallet), budget, { terms, onUnsettled });
const weather = await pay(`${url}/weather`); // 402, reserved, signed, sent again, committed
console.log(await weather.text()); // sunny
// #endregion

// #region again
const again = await pay(`${url}/weather`).catch((error: unknown) => error);
console.log(again); // AP2AlreadyConsumed: the same request is the same purchase
// #endregion

assert.equal((again as { code?: string }).code, "ERR_AP2_ALREADY_CONSUMED");
assert.equal(chain.size, 1);

const lost = await pay(`${url}/breaks`).catch((error: unknown) => error);
assert.ok(lost instanceof TypeError);

// #region recover
const abi = parseAbi(["function authorizationState(address, bytes32) view returns (bool)"]);
const lookupCharge = x402LookupCharge(async ({ method, asset, payer, nonce }) => {
  if (method !== "eip3009") return undefined; // another contract keeps its nonces: unknown
  const { number: blockNumber, timestamp: blockSeconds } = await viem.getBlock({ blockTag: "finalized" });
  const used = await viem.readContract({
    address: asset as `0x${string}`,
    abi,
    functionName: "authorizationState",
    args: [payer as `0x${string}`, nonce as `0x${string}`],
    blockNumber,
  });
  return { used, blockSeconds };
});
const { settled, unresolved } = await recover(budget, { lookupCharge });
// #endregion

assert.deepEqual([settled, unresolved], [1, 0]);

// #region budget
for (let n = 0; n < 3; n += 1) await pay(`${url}/weather?day=${n}`);
const refused = await pay(`${url}/weather?day=3`).catch((error: unknown) => error);
console.log(refused); // AP2GuardDenied: BUDGET_EXCEEDED, nothing was signed
// #endregion

assert.equal((refused as { reasonCode?: string }).reasonCode, "BUDGET_EXCEEDED");
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.deepEqual([chain.size, spent, reserved], [5, 5_000_000n, 0n]);

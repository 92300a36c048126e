// docs/cycles.md: a stream handed on over HTTP; what a client that goes away leaves behind is a commit, not a reservation.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { usd, withReservationStream } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";

const embedded = createEmbeddedAuthority();
await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1.00") });
const authority = embedded.authority({ tenant: "acme" });
const request = { estimate: usd("0.02"), action: { kind: "llm.completion" } };
let settled: Promise<unknown> = Promise.resolve();

/** Words without an end. */
async function* callTheModel(): AsyncGenerator<{ readonly text: string; readonly words: number }> {
  for (let words = 1; ; words += 1) yield { text: "word ", words };
}
const costSoFar = ({ words }: { readonly words: number }) => usd(words < 100 ? "0.001" : "0.01");

// #region serve
import { disconnectSignal, sendStream } from "@imprest/core/node";

async function answer(response: ServerResponse): Promise<void> {
  const signal = disconnectSignal(response);
  const options = { signal, spend: costSoFar, partial: "estimate" } as const;
  const stream = withReservationStream(authority, request, callTheModel, options);
  settled = stream.settlement;
  await sendStream(stream, response, (chunk) => chunk.text);
}
// #endregion

const server = createServer((_request, response) => {
  answer(response).catch(() => response.destroy());
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const reading = new AbortController();
const { body } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { signal: reading.signal });
await body?.getReader().read();
reading.abort();
await settled;
const { spent, reserved } = await embedded.budgets.get({ scope: { tenant: "acme" }, unit: "USD_MICROCENTS" });
assert.ok(spent > 0n);
assert.equal(reserved, 0n);
server.close();
await embedded.close();

import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createPriceTable, guardFetch } from "@imprest/llm";
import { type Effort, type Group, type Mode, compare, timed } from "./measure.ts";
import { startPeer } from "./peer.ts";

const messages = [{ role: "user", content: "How should an agent handle money? ".repeat(30) }];

/** Model calls over loopback, bare and guarded beside an authority in this process, in milliseconds a call. */
export async function* guardedFetch(effort: Effort): AsyncGenerator<Group> {
  using server = await startPeer<{ readonly url: string }>("model-server.ts");
  const url = `${server.told.url}/v1/chat/completions`;
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1000000000") });
  const prices = createPriceTable({ model: { input: "1.00", output: "4.00" } });
  const guarded = guardFetch(embedded.authority({ tenant: "acme" }), { prices });
  const count = effort.count(2_000);
  for (const [what, stream] of [
    ["whole answers", false],
    ["streams of 100 events", true],
  ] as const) {
    const options = { stream, ...(stream && { stream_options: { include_usage: true } }) };
    const body = JSON.stringify({ model: "model", max_tokens: 800, messages, ...options });
    const headers = { "content-type": "application/json" };
    const call = (send: typeof fetch) => async (): Promise<string> =>
      (await send(url, { method: "POST", headers, body })).text();
    yield await compare(
      { title: `model calls, ${what}`, unit: "ms a call", rounds: effort.rounds(7) },
      { "bare fetch": timePerCall(call(fetch), count), guardFetch: timePerCall(call(guarded), count) },
    );
  }
  await embedded.close();
}

function timePerCall(operation: () => unknown, count: number): Mode {
  const mode = timed(operation, { count });
  return async () => {
    const round = await mode();
    return { ...round, value: 1_000 / round.value };
  };
}

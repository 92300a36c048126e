import { type RecordStore, usd, withReservation } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { Agent, request as undiciRequest } from "undici";
import { compare, row, startServer } from "./measure.ts";

/** Reserve + commit pairs per second through `withReservation`, as a share of bare `undici.request` in the same run. */
export async function guardedPairs(): Promise<void> {
  const server = await startServer("./stub-server.ts");
  const baseUrl = `http://127.0.0.1:${server.port}`;
  try {
    for (const [name, inFlight, count] of [
      ["sequential", 1, 2_000],
      ["64 in flight", 64, 8_000],
    ] as const) {
      const results = await compare(
        { raw: rawPair(baseUrl), fetch: fetchPair(baseUrl), guarded: guardedPair(baseUrl) },
        { count, inFlight, rounds: 5 },
      );
      const { raw, guarded } = results;
      console.log(`\nguarded pairs, ${name} (${count} a round, median of 5 interleaved rounds)`);
      console.log(row("", "pairs/s", "slowest", "fastest", "CPU µs", "of raw"));
      for (const [mode, { perSecond, slowest, fastest, cpuMicros }] of Object.entries(results)) {
        console.log(
          row(mode, perSecond, slowest, fastest, cpuMicros.toFixed(1), (perSecond / raw.perSecond).toFixed(2)),
        );
      }
      console.log(row("CPU added a pair", "", "", "", (guarded.cpuMicros - raw.cpuMicros).toFixed(1)));
    }
  } finally {
    server.stop();
  }
}

const reserveBody =
  '{"idempotency_key":"k","subject":{"tenant":"acme"},"action":{"kind":"llm.completion","name":"model"},' +
  '"estimate":{"unit":"USD_MICROCENTS","amount":2000000},"ttl_ms":30000}';
const commitBody = '{"idempotency_key":"k","actual":{"unit":"USD_MICROCENTS","amount":1000000}}';
const headers = { "content-type": "application/json", "x-cycles-api-key": "key", "x-idempotency-key": "k" };

/** What nobody can do without: two requests, two answers parsed. */
export function rawPair(baseUrl: string): () => Promise<unknown> {
  const dispatcher = new Agent({ connections: 64 });
  const post = async (path: string, body: string): Promise<{ readonly reservation_id: string }> => {
    const answer = await undiciRequest(`${baseUrl}${path}`, { method: "POST", headers, body, dispatcher });
    return (await answer.body.json()) as { readonly reservation_id: string };
  };
  return async () => {
    const { reservation_id } = await post("/v1/reservations", reserveBody);
    return post(`/v1/reservations/${reservation_id}/commit`, commitBody);
  };
}

function fetchPair(baseUrl: string): () => Promise<unknown> {
  const post = async (path: string, body: string): Promise<{ readonly reservation_id: string }> => {
    const answer = await fetch(`${baseUrl}${path}`, { method: "POST", headers, body });
    return (await answer.json()) as { readonly reservation_id: string };
  };
  return async () => {
    const { reservation_id } = await post("/v1/reservations", reserveBody);
    return post(`/v1/reservations/${reservation_id}/commit`, commitBody);
  };
}

/** A guarded call, its settlement recorded in `records` (memory when absent). */
export function guardedPair(baseUrl: string, records?: RecordStore): () => Promise<unknown> {
  const authority = new CyclesAuthority({ baseUrl, apiKey: "test-key", subject: { tenant: "acme" } }, { records });
  const request = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "model" } };
  const spent = usd("0.01");
  return () => withReservation(authority, request, () => 1, { spend: () => spent });
}

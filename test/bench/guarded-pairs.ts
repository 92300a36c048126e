import { type RecordStore, usd, withReservation } from "@imprest/core";
import { CyclesAuthority } from "@imprest/cycles";
import { Agent, request as undiciRequest } from "undici";
import { type Effort, type Group, compare, timed } from "./measure.ts";
import { startStub } from "./peer.ts";

/** Reserve + commit pairs through `withReservation`, by how many calls are in flight. */
export async function* guardedPairs(effort: Effort): AsyncGenerator<Group> {
  using server = await startStub();
  const { url } = server.told;
  const rounds = effort.rounds(5);
  for (let inFlight = 1; inFlight <= 1_024; inFlight *= 4) {
    const count = effort.count(inFlight < 16 ? 2_000 : 6_000);
    const slow = { count: Math.min(count, effort.count(2_000)), inFlight };
    yield await compare(
      { title: `guarded pairs, ${inFlight} in flight`, unit: "pairs/s", rounds },
      {
        "raw undici": timed(rawPair(url), { count, inFlight }),
        "raw fetch": timed(fetchPair(url), slow),
        guarded: timed(guardedPair(url), { count, inFlight }),
      },
    );
  }
}

type Post = (path: string, key: string, body: string) => Promise<unknown>;

/** What nobody can do without: two requests, two answers parsed. */
function pairOf(post: Post): () => Promise<unknown> {
  let pairs = 0;
  return async () => {
    const key = `k-${process.pid}-${(pairs += 1)}`;
    const reserve =
      `{"idempotency_key":"${key}","subject":{"tenant":"acme"},"action":{"kind":"llm.completion","name":"model"},` +
      '"estimate":{"unit":"USD_MICROCENTS","amount":2000000},"ttl_ms":30000}';
    const { reservation_id } = (await post("/v1/reservations", key, reserve)) as { readonly reservation_id: string };
    const commit = `{"idempotency_key":"${key}","actual":{"unit":"USD_MICROCENTS","amount":1000000}}`;
    return post(`/v1/reservations/${reservation_id}/commit`, key, commit);
  };
}

const headersOf = (key: string, apiKey: string): Record<string, string> => ({
  "content-type": "application/json",
  "x-cycles-api-key": apiKey,
  "x-idempotency-key": key,
});

/** @returns sends with bare `undici.request`. */
export function rawPost(baseUrl: string, apiKey = "key"): Post {
  const dispatcher = new Agent({ connections: 64 });
  return async (path, key, body) => {
    const headers = headersOf(key, apiKey);
    const answer = await undiciRequest(`${baseUrl}${path}`, { method: "POST", headers, body, dispatcher });
    if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${await answer.body.text()}`);
    return answer.body.json();
  };
}

export function rawPair(baseUrl: string, apiKey?: string): () => Promise<unknown> {
  return pairOf(rawPost(baseUrl, apiKey));
}

function fetchPair(baseUrl: string): () => Promise<unknown> {
  return pairOf(async (path, key, body) => {
    const answer = await fetch(`${baseUrl}${path}`, { method: "POST", headers: headersOf(key, "key"), body });
    return answer.json();
  });
}

/** A guarded call, its settlement recorded in `records` (memory when absent). */
export function guardedPair(baseUrl: string, records?: RecordStore): () => Promise<unknown> {
  const authority = new CyclesAuthority({ baseUrl, apiKey: "test-key", subject: { tenant: "acme" } }, { records });
  const request = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "model" } };
  const spent = usd("0.01");
  return () => withReservation(authority, request, () => 1, { spend: () => spent });
}

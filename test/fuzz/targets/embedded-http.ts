import type { WireRequest } from "@imprest/embedded";
import { type Chance, mutate } from "../mutate.ts";
import type { Target } from "../target.ts";
import { adminKey, assertBalanced, createFuzzedAuthority, key, requests } from "./authority.ts";

/** What is sent, as one text that can be mutated whole: method, target and body by lines. */
const corpus = requests.map(
  ([target, body]) => `${body ? "POST" : "GET"}\n${target}\n${body ? JSON.stringify(body) : ""}`,
);

/** Every request is answered, never with a 5xx, and the books balance whatever was asked. */
export const embeddedHttp: Target = {
  name: "embedded-http",
  corpus,
  start(chance) {
    const opening = createFuzzedAuthority();
    let reservation = "rsv_1";
    let sent = 0;
    return async (input) => {
      const authority = await opening;
      const [method = "", target = "", ...body] = input.split("\n");
      const request = requestOf(method, target.replace("rsv_1", reservation), body.join("\n"), chance);
      const { status, body: text } = await authority.answer(request);
      if (!(status >= 200 && status < 500) && status !== 501)
        throw new Error(`answered ${status}: ${text.slice(0, 200)}`);
      reservation = /"reservation_id":"(rsv_[^"]+)"/.exec(text)?.[1] ?? reservation;
      sent += 1;
      if (sent % 1_000 === 0) await assertBalanced(authority);
    };
  },
};

const headers: readonly string[] = [
  "x-idempotency-key",
  "content-type",
  "traceparent",
  "x-cycles-trace-id",
  "x-admin-api-key",
];

function requestOf(method: string, target: string, body: string, chance: Chance): WireRequest {
  const odd = chance.below(8) === 0 ? chance.one(headers) : undefined;
  const oddValue = odd === undefined ? "" : mutate("application/json; 00-1234-5678-01", ["k"], chance);
  return {
    method,
    target,
    header: (name) => {
      if (name === odd) return oddValue;
      if (name === "x-cycles-api-key") return key;
      if (name === "authorization") return `Bearer ${key}`;
      return name === "x-admin-api-key" && target.includes("/admin/") ? adminKey : undefined;
    },
    body: new TextEncoder().encode(body),
  };
}

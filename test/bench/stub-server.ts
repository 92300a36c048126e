// A Cycles server and a payment provider that do nothing but answer: what is measured against them is the client.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { bePeer } from "./peer.ts";
import { answerUsage } from "./usage.ts";

let served = 0;

const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    const answer = answerTo(request.url ?? "");
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(answer),
      "x-request-id": "req_1",
      "x-cycles-trace-id": "0af7651916cd43dd8448eb211c80319c",
    });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;

function answerTo(url: string): string {
  if (url === "/v1/charges") return '{"id":"ch_1","status":"succeeded","amount":2}';
  if (url.endsWith("/commit")) {
    return '{"status":"COMMITTED","charged":{"unit":"USD_MICROCENTS","amount":1000000},"released":{"unit":"USD_MICROCENTS","amount":1000000}}';
  }
  served += 1;
  const balance =
    '{"scope":"tenant:acme","scope_path":"tenant:acme","remaining":{"unit":"USD_MICROCENTS","amount":998000000},' +
    '"reserved":{"unit":"USD_MICROCENTS","amount":2000000},"spent":{"unit":"USD_MICROCENTS","amount":0},' +
    '"allocated":{"unit":"USD_MICROCENTS","amount":1000000000}}';
  return (
    `{"decision":"ALLOW","reservation_id":"rsv_${served}","affected_scopes":["tenant:acme"],` +
    `"reserved":{"unit":"USD_MICROCENTS","amount":2000000},"expires_at_ms":1800000030000,"remaining_ttl_ms":30000,` +
    `"scope_path":"tenant:acme","balances":[${balance}]}`
  );
}

await once(server.listen(0, "127.0.0.1"), "listening");
bePeer({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, answerUsage());

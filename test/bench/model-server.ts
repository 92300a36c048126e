// A model provider that does nothing but answer, whole or as a stream of 100 events: what is measured against it is the client.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { bePeer } from "./peer.ts";
import { answerUsage } from "./usage.ts";

const usage = { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 };
const whole = JSON.stringify({
  choices: [{ message: { content: "word ".repeat(100) }, finish_reason: "stop" }],
  usage,
});
const event = (body: object): string => `data: ${JSON.stringify({ id: "1", model: "model", ...body })}\n\n`;
const word = event({ choices: [{ index: 0, delta: { content: "word " }, finish_reason: null }] });
const end = event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) + event({ choices: [], usage });

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += String(chunk)));
  request.on("end", () => {
    if (!body.includes('"stream":true')) {
      response.writeHead(200, { "content-type": "application/json" }).end(whole);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let at = 0; at < 100; at += 1) response.write(word);
    response.end(`${end}data: [DONE]\n\n`);
  });
});
server.keepAliveTimeout = 60_000;

await once(server.listen(0, "127.0.0.1"), "listening");
bePeer({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, answerUsage());

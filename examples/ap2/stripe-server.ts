import { once } from "node:events";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A local stand-in for the part of Stripe's API that the example uses. It charges whatever reaches it, every time. */
export interface StripeServer {
  readonly port: number;
  /** What was charged, in cents. */
  readonly charged: readonly number[];
  close(): void;
}

interface Intent {
  readonly id: string;
  readonly amount: number;
  readonly status: "succeeded";
  readonly metadata: { readonly imprest_key: string };
}

export async function startStripe(): Promise<StripeServer> {
  const intents: Intent[] = [];
  const server = createServer((request, response) => {
    void readForm(request).then((form) => {
      const answer =
        request.method === "POST" ? charge(intents, form) : { object: "list", data: intents, has_more: false };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get charged() {
      return intents.map(({ amount }) => amount);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function charge(intents: Intent[], form: URLSearchParams): object {
  const metadata = { imprest_key: form.get("metadata[imprest_key]") ?? "" };
  const id = `pi_${intents.length + 1}`;
  const intent: Intent = { id, amount: Number(form.get("amount")), status: "succeeded", metadata };
  intents.push(intent);
  return { object: "payment_intent", currency: "usd", ...intent };
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

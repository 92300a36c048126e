// A payment provider in its own process: counts every charge, pays no heed to idempotency keys, answers look-ups late.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

interface Charge {
  readonly reference: string;
  readonly amount: string;
}

const charges = new Map<string, Charge[]>();
const declined = new Set<string>();

const server = createServer((request, response) => {
  void (async () => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://psp");
    const transaction = searchParams.get("transaction") ?? "";
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (request.method === "GET" && pathname === "/charges") {
      await pause(20);
      return answer(200, { charges: charges.get(transaction) ?? [], declined: declined.has(transaction) });
    }
    await pause(Math.random() * 5);
    const mode = searchParams.get("mode");
    if (mode === "declined") {
      declined.add(transaction);
      return answer(402, { error: "card_declined" });
    }
    // "unknown" breaks off, sometimes before the charge and sometimes after it.
    if (mode === "unknown" && Math.random() < 0.5) return void request.socket.destroy();
    const known = charges.get(transaction) ?? [];
    const charge = { reference: `ch_${transaction}_${known.length}`, amount: searchParams.get("amount") ?? "0" };
    charges.set(transaction, [...known, charge]);
    if (mode === "unknown") return void request.socket.destroy();
    answer(200, charge);
  })();
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());

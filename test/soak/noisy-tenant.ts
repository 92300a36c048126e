// A tenant that is as much trouble as its key allows, in a process of its own: lists that it does not read, metadata as long as
// may be, and reserves that are denied. It counts what it asked for.
import { connect } from "node:net";

const [url = "", key = ""] = process.argv.slice(2);
const headers = { "x-cycles-api-key": key, "content-type": "application/json" };
const action = { kind: "llm.completion", name: "model" };
const counts = { denied: 0, kept: 0, unread: 0 };
let sequence = 0;

async function reserve(body: object): Promise<number> {
  const keyed = { idempotency_key: `noisy-${(sequence += 1)}`, subject: { tenant: "noisy" }, action, ...body };
  const response = await fetch(`${url}/v1/reservations`, { method: "POST", headers, body: JSON.stringify(keyed) });
  await response.arrayBuffer();
  return response.status;
}

const amount = (microcents: number): object => ({ estimate: { unit: "USD_MICROCENTS", amount: microcents } });

async function deny(): Promise<void> {
  for (;;) {
    if ((await reserve(amount(1_000_000))) !== 409) throw new Error("a reserve that has no budget was not denied");
    counts.denied += 1;
  }
}

async function keep(): Promise<void> {
  const metadata = { note: "x".repeat(16_000) };
  for (;;) {
    // Refused once the tenant holds all the metadata that it may.
    await reserve({ ...amount(0), metadata, ttl_ms: 86_400_000 });
    counts.kept += 1;
  }
}

/** Asks for the longest lists there are, twenty at a time, and reads none of them. */
function readNothing(): void {
  const { hostname, port } = new URL(url);
  const path = "/v1/reservations?limit=200&include=metadata";
  const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nX-Cycles-API-Key: ${key}\r\n\r\n`;
  const open = (): void => {
    const socket = connect(Number(port), hostname, () => socket.write(request.repeat(4)));
    socket.pause();
    socket.on("error", () => {});
    counts.unread += 4;
    setTimeout(() => socket.destroy(), 2_000);
    socket.once("close", open);
  };
  for (let at = 0; at < 20; at += 1) open();
}

process.on("disconnect", () => process.exit());
process.on("message", () => process.send?.(counts));
readNothing();
await Promise.all([...Array.from({ length: 4 }, deny), ...Array.from({ length: 4 }, keep)]);

// Pays once, and kills itself where its options say: before or after a write to the store, a request to the authority or
// the call of the PSP. usage: ap2-worker.ts '{"cyclesUrl":…,"pspUrl":…,"file":…,"transactionId":…,"mode":…,"killAt":…}'
import { type RecordStore, type RecordValue, type Transport, defaultTransport } from "@imprest/core";
import { sqliteRecordStore } from "@imprest/core/node";
import { CyclesAuthority, CyclesClient } from "@imprest/cycles";
import { type Job, pay } from "./ap2-pay.ts";

const input = JSON.parse(process.argv[2] ?? "{}") as Job & {
  readonly cyclesUrl: string;
  readonly file: string;
  readonly killAt: string;
};

function point(name: string): void {
  if (name === input.killAt) process.kill(process.pid, "SIGKILL");
}

async function around<Value>(name: string, step: () => Promise<Value>): Promise<Value> {
  point(`${name}:before`);
  const value = await step();
  point(`${name}:after`);
  return value;
}

/** The phase that a write records; `reserving` and `charging` when the claim itself does. */
function phaseOf(value: RecordValue): string {
  return (value as { readonly attempts: readonly { readonly phase: string }[] }).attempts.at(-1)?.phase ?? "none";
}

function killable(store: RecordStore): RecordStore {
  return {
    ...store,
    create: (key, value) => around("claim", () => store.create(key, value)),
    replace: (key, value, version) => around(phaseOf(value), () => store.replace(key, value, version)),
  };
}

const real = defaultTransport();
const transport: Transport = (request, limits) => {
  const operation = request.url.endsWith("/v1/reservations") ? "reserve" : (request.url.split("/").at(-1) ?? "");
  return around(operation, () => real(request, limits));
};

const client = new CyclesClient({
  baseUrl: input.cyclesUrl,
  apiKey: "fault-test-key",
  subject: { tenant: "acme" },
  transport,
});
const authority = new CyclesAuthority(client, { records: killable(sqliteRecordStore(input.file)) });
process.send?.("started");
await pay(authority, input, (charge) => around("psp", charge));
// The phase that nobody waits for is recorded before this process ends by itself.
setTimeout(() => process.exit(), 100);

import { type Attempt, readRecord } from "./attempt.ts";
import { type PaymentRecords, recordPrefix } from "./payment-records.ts";

/** What was tried through a ledger's server and tenant, by record; `onMalformed` is called with the keys of unreadable ones. */
export async function* scan(
  { records, target }: PaymentRecords,
  onMalformed: (key: string) => void,
): AsyncIterable<{ readonly key: string; readonly attempts: readonly Attempt[] }> {
  for await (const stored of records.scan(recordPrefix)) {
    const record = readRecord(stored.value);
    if (record === undefined) {
      onMalformed(stored.key);
      continue;
    }
    // Tenants share the record of an open mandate.
    const attempts = record.attempts.filter((one) => isSameTarget(one.target ?? record.target, target));
    yield { key: stored.key, attempts };
  }
}

const loopback = /^(https?:\/\/)(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/#]|$)/;

/** Whether two targets are one server: this machine has several names for itself. */
function isSameTarget(one: string, other: string): boolean {
  return one.replace(loopback, "$1localhost") === other.replace(loopback, "$1localhost");
}

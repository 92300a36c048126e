import type { StoredRecord } from "@imprest/core";
import { type PaymentRecord, readRecord } from "./attempt.ts";
import { type PaymentRecords, recordPrefix } from "./payment-records.ts";

/** Every readable record of a ledger's server and tenant; `onMalformed` is called with the keys of others. */
export async function* scan(
  { records, target }: PaymentRecords,
  onMalformed: (key: string) => void,
): AsyncIterable<StoredRecord & { readonly record: PaymentRecord }> {
  for await (const stored of records.scan(recordPrefix)) {
    const record = readRecord(stored.value);
    if (record === undefined) onMalformed(stored.key);
    else if (isSameTarget(record.target, target)) yield { ...stored, record };
  }
}

const loopback = /^(https?:\/\/)(?:localhost|127\.0\.0\.1|\[::1\])(?=[:/#]|$)/;

/** Whether two targets are one server: this machine has several names for itself. */
function isSameTarget(one: string, other: string): boolean {
  return one.replace(loopback, "$1localhost") === other.replace(loopback, "$1localhost");
}

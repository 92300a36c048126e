import { type Amount, type RecordStore, type ReserveRequest, usd } from "@imprest/core";
import type { FakeAuthority } from "@imprest/testing";

export const request: ReserveRequest = { estimate: usd("0.02"), action: { kind: "llm.completion", name: "model" } };

/** The amounts that were committed, as strings. */
export function committedAmounts(authority: FakeAuthority): string[] {
  return authority.settled.filter(({ kind }) => kind === "commit").map(({ body }) => body);
}

export async function recordKeys(records: RecordStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of records.scan(prefix)) keys.push(key);
  return keys;
}

export const cents = (value: number): Amount => usd(`0.${String(value).padStart(2, "0")}`);

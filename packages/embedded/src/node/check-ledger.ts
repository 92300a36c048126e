import type { DatabaseSync } from "node:sqlite";
import { Ledger } from "../ledger/ledger.ts";
import { LedgerUnavailableError } from "../ledger/unavailable.ts";
import { nameOf, readEntries } from "./ledger-file.ts";
import { reading } from "./reading.ts";

/** So many damaged entries are named; that there are more is said. */
const mostFindings = 20;

/** What a ledger's file holds, and what is wrong with it. */
export interface LedgerCheck {
  readonly entries: number;
  readonly budgets: number;
  readonly reservations: number;
  /** One sentence each; none of a file that is sound. At most 20 of entries. */
  readonly findings: readonly string[];
}

/**
 * Checks a ledger's file, which an authority may have open meanwhile: the pages, the checksum of each entry, and the books
 * (what a budget has reserved is what its active reservations hold, and nothing is less than nothing). It changes nothing.
 * @throws ConfigurationError for a file that cannot be opened, or is no ledger of this version.
 * @example
 * const { findings } = await checkLedger("ledger.sqlite");
 */
export async function checkLedger(file: string): Promise<LedgerCheck> {
  return reading(file, check);
}

async function check(database: DatabaseSync): Promise<LedgerCheck> {
  const findings = pagesOf(database);
  const counts = { entries: 0, budgets: 0, reservations: 0 };
  const entries = new Map<string, string>();
  let damaged = 0;
  try {
    for (const { key, value, isSound } of readEntries(database)) {
      counts.entries += 1;
      if (key.startsWith("budget/")) counts.budgets += 1;
      if (key.startsWith("reservation/")) counts.reservations += 1;
      entries.set(key, value);
      if (isSound) continue;
      damaged += 1;
      if (damaged <= mostFindings) findings.push(`${nameOf(key)} is not what was written.`);
    }
  } catch (error) {
    findings.push(`The entries cannot be read to their end (${messageOf(error)}).`);
  }
  if (damaged > mostFindings) findings.push(`${damaged - mostFindings} more entries are not what was written.`);
  // A damaged entry would make the books wrong once more.
  if (findings.length === 0) findings.push(...(await booksOf(entries)));
  return { ...counts, findings };
}

function pagesOf(database: DatabaseSync): string[] {
  try {
    const rows = database.prepare(`PRAGMA integrity_check(${mostFindings})`).all();
    return rows.map((row) => String(row["integrity_check"])).filter((text) => text !== "ok");
  } catch (error) {
    return [`The pages cannot be read (${messageOf(error)}).`];
  }
}

/** The laws that a ledger holds its books to when it is opened. */
async function booksOf(entries: ReadonlyMap<string, string>): Promise<readonly string[]> {
  try {
    const store = { load: () => entries, write: async (take: () => unknown) => void take(), close: () => {} };
    await new Ledger({ store }).close();
    return [];
  } catch (error) {
    if (!(error instanceof LedgerUnavailableError)) throw error;
    return [error.cause === undefined ? error.message : `${error.message} (${messageOf(error.cause)})`];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown reason";
}

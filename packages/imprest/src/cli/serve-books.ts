import { open, readFile } from "node:fs/promises";
import { base64url, systemRandom } from "@imprest/core/internal";
import { type BudgetBalance, type EmbeddedAuthority, LedgerRefusal } from "@imprest/embedded";
import { writeAmount } from "./amount-text.ts";
import { UsageError } from "./command.ts";
import type { BudgetLine, KeyLine } from "./serve-config.ts";
import type { Opening } from "./serve-opening.ts";

// What `imprest serve` does to the books before it listens.

/**
 * Creates a budget; one that is there already is raised to what is allocated, and never lowered.
 * @returns the line to print. @throws UsageError.
 */
export async function ensureBudget(
  authority: EmbeddedAuthority,
  line: BudgetLine,
  opening: Pick<Opening, "warn">,
): Promise<string> {
  const { scope, allocated } = line;
  const path = Object.entries(scope)
    .map(([level, name]) => `${level}:${name}`)
    .join("/");
  try {
    await authority.budgets.create(line);
    return `Budget ${path}: ${writeAmount(allocated)}${periodText(line.period)}.`;
  } catch (error) {
    if (!(error instanceof LedgerRefusal)) throw error;
    if (error.reason !== "DUPLICATE_RESOURCE") throw new UsageError(`${path}: ${error.message}`, { cause: error });
    return raiseBudget(authority, line, path, opening);
  }
}

/** When a budget begins anew, as the end of a phrase; empty for one that does not. */
function periodText(period: BudgetLine["period"]): string {
  if (period === undefined) return "";
  if ("every" in period) return ` each ${period.every} in ${period.timeZone ?? "UTC"}`;
  if ("rollingMs" in period) return ` in any ${period.rollingMs / 1000} s`;
  const [starts, ends] = [period.startsAtMs, period.endsAtMs].map((atMs) => new Date(atMs).toISOString());
  return ` each period, as from ${starts} to ${ends}`;
}

async function raiseBudget(
  { budgets }: EmbeddedAuthority,
  { scope, allocated, period }: BudgetLine,
  path: string,
  opening: Pick<Opening, "warn">,
): Promise<string> {
  const found = await budgets.get({ scope, unit: allocated.unit });
  const hasPeriods = period !== undefined && !("rollingMs" in period);
  if (hasPeriods !== (found.period !== undefined)) {
    opening.warn(`${path} keeps the periods of the store; they are set when a budget is created.`);
  }
  const before = found.period?.allocation ?? found.allocated;
  const isRaised = allocated.amount > before && found.status === "ACTIVE";
  const { unit, remaining }: BudgetBalance = isRaised ? await budgets.resize({ scope, allocated }) : found;
  const when = hasPeriods === (found.period !== undefined) ? periodText(period) : "";
  const what = isRaised ? `raised to ${writeAmount(allocated)}${when}` : `there already${when}`;
  return `Budget ${path}: ${what}, ${writeAmount({ unit, amount: remaining })} left.`;
}

/**
 * Binds a key to a tenant; a tenant that has one already gets none that it did not ask for.
 * @returns the line to print. @throws UsageError.
 */
export async function createKey(
  { apiKeys }: EmbeddedAuthority,
  { tenant, key, file, scopeFilter }: KeyLine,
): Promise<string> {
  try {
    const known = key === undefined ? await apiKeys.list(tenant) : [];
    const isThere = known.some(
      ({ status, scopeFilter: own }) => status === "ACTIVE" && (own === undefined) === (scopeFilter === undefined),
    );
    if (isThere) return `Key of ${tenant}: there already; it was printed when it was made.`;
    const created = await apiKeys.create({ tenant, key, scopeFilter });
    // A key that the operator chose is not repeated where a log might keep it.
    const given = file === undefined ? "as given" : `in ${file}`;
    return `Key of ${tenant}: ${key === undefined ? created.key : given}`;
  } catch (error) {
    if (!(error instanceof LedgerRefusal)) throw error;
    if (error.reason !== "DUPLICATE_RESOURCE") throw new UsageError(`${tenant}: ${error.message}`, { cause: error });
    return `Key of ${tenant}: there already.`;
  }
}

/** Reads `acme=FILE`, and makes the file, with a fresh key of 256 bits, where there is none. @throws UsageError. */
export async function readKeyFile(line: string): Promise<KeyLine> {
  const at = line.indexOf("=");
  if (at < 1 || at === line.length - 1) throw new UsageError(`--key-file "${line}" is none; write acme=FILE.`);
  const [tenant, path] = [line.slice(0, at), line.slice(at + 1)];
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return { tenant, key: text === undefined ? await makeKeyFile(path) : text.trim(), file: path };
}

async function makeKeyFile(path: string): Promise<string> {
  const key = `imp_${base64url(systemRandom(32))}`;
  // Exclusive and private from the start: nobody else reads it in between, and no other key is overwritten.
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(`${key}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return key;
}

import { type Balance, type Subject, subjectLevels } from "@imprest/core/models/cycles";

/**
 * The scopes that a subject is expected to be booked on, outermost first: levels that are not named are skipped
 * (Cycles §SCOPE DERIVATION). A preview: the authority derives its own.
 */
export function scopesOf(subject: Subject): string[] {
  const scopes: string[] = [];
  for (const level of subjectLevels) {
    const value = subject[level];
    if (value === undefined) continue;
    const outer = scopes.at(-1);
    scopes.push(outer === undefined ? `${level}:${value}` : `${outer}/${level}:${value}`);
  }
  return scopes;
}

/** Whether two scopes are one. The reference server writes values in lower case, so case does not tell them apart. */
export function isSameScope(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** The balance of a scope, in a unit where it has several. */
export function findBalance(balances: readonly Balance[], scope: string, unit?: string): Balance | undefined {
  return balances.find(
    ({ scope_path: path, remaining }) => isSameScope(path, scope) && (unit === undefined || remaining.unit === unit),
  );
}

import type { Subject } from "@imprest/core";
import { type SubjectLevel, subjectLevels } from "@imprest/core/internal";
import { LedgerRefusal } from "./refusal.ts";

/** The scopes a subject stands in, in lower case. */
export interface Scopes {
  /** The innermost scope: `"tenant:acme/agent:bot"`. */
  readonly path: string;
  /** Every scope from the outermost to `path`; levels that the subject does not name are skipped. */
  readonly affected: readonly string[];
}

/** `:` and `/` delimit scopes, so a value that held them would name someone else's (Cycles §Subject, CHARSET). */
const levelPattern = /^[a-zA-Z0-9_.-]{1,128}$/;

/**
 * A scope path, a part of one or a pattern of them, as all are compared: the reference server writes scopes in lower case,
 * so that another spelling of an agent's name is no way around its budget.
 */
export function canonicalScope(text: string): string {
  return text.toLowerCase();
}

/**
 * Derives the scopes of a subject. Every budget, policy, quota and event is found by what this makes.
 * @throws LedgerRefusal INVALID_REQUEST for a subject that names no level, or names one with unfit characters.
 */
export function deriveScopes(subject: Subject): Scopes {
  const affected: string[] = [];
  let path = "";
  for (const level of subjectLevels) {
    const value = subject[level];
    if (value === undefined) continue;
    // Checked as it came: beyond ASCII, another character's lower case may be a fit one.
    assertName(value, level);
    const segment = `${level}:${canonicalScope(value)}`;
    path = path === "" ? segment : `${path}/${segment}`;
    affected.push(path);
  }
  if (path === "") {
    throw new LedgerRefusal(
      "INVALID_REQUEST",
      `The subject names no level; name at least one of ${subjectLevels.join(", ")}.`,
    );
  }
  return { path, affected };
}

interface ScopeNode {
  readonly scopes: Scopes;
  readonly beneath: Map<SubjectLevel, Map<string, ScopeNode>>;
}

/**
 * Remembers the scopes of the subjects it has seen, so that the thousands of reservations of one subject share their
 * paths. Begins anew when subjects turn out to be endless (a scope per run).
 */
export class ScopeTree {
  readonly #most = 10_000;
  #root: ScopeNode = newNode({ path: "", affected: [] });
  #size = 0;

  /** @throws as `deriveScopes`. */
  scopesOf(subject: Subject): Scopes {
    let node = this.#root;
    for (const level of subjectLevels) {
      const value = subject[level];
      if (value === undefined) continue;
      const next = node.beneath.get(level)?.get(value);
      if (next === undefined) return this.#learn(subject);
      node = next;
    }
    return node === this.#root ? deriveScopes(subject) : node.scopes;
  }

  #learn(subject: Subject): Scopes {
    const { affected } = deriveScopes(subject);
    if (this.#size > this.#most) {
      this.#root = newNode(this.#root.scopes);
      this.#size = 0;
    }
    let node = this.#root;
    let depth = 0;
    for (const level of subjectLevels) {
      const value = subject[level];
      if (value === undefined) continue;
      depth += 1;
      const siblings = node.beneath.get(level) ?? new Map<string, ScopeNode>();
      node.beneath.set(level, siblings);
      let next = siblings.get(value);
      if (next === undefined) {
        next = newNode({ path: affected[depth - 1] ?? "", affected: affected.slice(0, depth) });
        siblings.set(value, next);
        this.#size += 1;
      }
      node = next;
    }
    return node.scopes;
  }
}

function newNode(scopes: Scopes): ScopeNode {
  return { scopes, beneath: new Map() };
}

/** @throws LedgerRefusal INVALID_REQUEST unless `value` may stand in a scope. */
export function assertName(value: unknown, what: string): asserts value is string {
  if (typeof value === "string" && levelPattern.test(value)) return;
  throw new LedgerRefusal("INVALID_REQUEST", `${what} must be 1 to 128 characters out of letters, digits, and _ . -`);
}

/** The levels that a filter names, with the values that a scope then has. */
export function namedLevels(subject: Subject): (readonly [SubjectLevel, string])[] {
  return subjectLevels.flatMap((level) => {
    const value = subject[level];
    return value === undefined ? [] : [[level, canonicalScope(value)] as const];
  });
}

/** Whether a subject has all of these levels. */
export function hasLevels(subject: Subject, wanted: readonly (readonly [SubjectLevel, string])[]): boolean {
  return wanted.every(([level, value]) => {
    const found = subject[level];
    return found !== undefined && canonicalScope(found) === value;
  });
}

/** Whether a text can be the path of a scope: levels in their order, none twice. */
export function isScopePath(text: string): boolean {
  let last = -1;
  return text.split("/").every((segment) => {
    const [, level = "", name = ""] = /^([a-z]+):(.+)$/.exec(segment) ?? [];
    const at = subjectLevels.findIndex((known) => known === level);
    const isNext = at > last && levelPattern.test(name);
    last = at;
    return isNext;
  });
}

/** Reads a path that `deriveScopes` wrote. */
export function subjectOf(path: string): Subject {
  return Object.fromEntries(path.split("/").map((segment) => segment.split(":", 2) as [string, string]));
}

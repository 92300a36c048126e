import type { Amount, Subject } from "@imprest/core";
import { subjectLevels } from "@imprest/core/internal";
import type { CalendarUnit, CreateBudget, OverdraftRule, PolicyRule, RolloverPolicy, Webhook } from "@imprest/embedded";
import { readAmount } from "./amount-text.ts";
import { UsageError } from "./command.ts";
import type { AspConfig } from "./serve-asp.ts";

/** A budget to create. */
export interface BudgetLine extends Pick<CreateBudget, "allocated" | "overdraftLimit" | "overagePolicy" | "period"> {
  readonly scope: Subject;
}

/** A key to bind to a tenant; a fresh one where `key` is absent. */
export interface KeyLine {
  readonly tenant: string;
  readonly key?: string | undefined;
  /** Where the key stands, as it was given. */
  readonly file?: string | undefined;
  /** The scopes that it may act in; all of the tenant when absent. */
  readonly scopeFilter?: readonly string[] | undefined;
}

/** What `imprest serve` starts with. */
export interface ServeConfig {
  readonly budgets: readonly BudgetLine[];
  readonly keys: readonly KeyLine[];
  readonly policy?: readonly PolicyRule[] | undefined;
  /** What becomes debt of an overage that a budget covers in part: all of it, or what lacks. */
  readonly overdraft?: OverdraftRule | undefined;
  /** Who may act as administrator; the governance plane is served where there is one. */
  readonly adminKeys?: readonly string[] | undefined;
  readonly webhooks?: readonly Webhook[] | undefined;
  /** Ranges of addresses that a tenant's webhook may go to besides public ones. */
  readonly allowAddresses?: readonly string[] | undefined;
  /** How it speaks ASP; flags win. */
  readonly asp?: AspConfig | undefined;
}

/** Reads `tenant:acme/agent:bot=USD:5.00`, and `…=USD:5.00/day@Europe/Berlin` for a budget that resets. @throws UsageError. */
export function parseBudget(text: string): BudgetLine {
  const at = text.lastIndexOf("=");
  if (at < 1) throw new UsageError(`--budget "${text}" has no amount; write tenant:acme=USD:5.00.`);
  const [, amount = "", every, timeZone] = /^([^/]*)(?:\/([^@]*)(?:@(.+))?)?$/s.exec(text.slice(at + 1)) ?? [];
  return {
    scope: parseScope(text.slice(0, at)),
    allocated: readAmount(amount, `--budget ${text}`),
    ...(every !== undefined && { period: { every: every as CalendarUnit, timeZone } }),
  };
}

/** Reads `acme` or `acme=KEY`. @throws UsageError. */
export function parseKey(text: string): KeyLine {
  const at = text.indexOf("=");
  if (text === "" || at === 0) throw new UsageError("--key names no tenant; write --key acme.");
  return at === -1 ? { tenant: text } : { tenant: text.slice(0, at), key: text.slice(at + 1) };
}

/**
 * Reads a configuration: `{ "budgets": [{ "scope": "tenant:acme", "allocated": "USD:5.00", "overdraftLimit": "USD:1.00",
 * "overagePolicy": "REJECT", "period": { "every": "day", "timeZone": "Europe/Berlin" } }],
 * "keys": [{ "tenant": "acme", "key": "…", "scopeFilter": ["agent:bot"] }], "policy": [{ "belowPercent": 20, "caps": { "max_tokens": 256 } }],
 * "overdraft": "shortfall",
 * "adminKeys": ["…"], "webhooks": [{ "id": "ops", "url": "https://…", "secret": "…", "eventCategories": ["budget"] }] }`.
 * @throws UsageError naming the member.
 */
export function readConfig(source: string, path: string): ServeConfig {
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (error) {
    throw new UsageError(`${path} is not JSON.`, { cause: error });
  }
  const {
    budgets = [],
    keys = [],
    policy,
    overdraft,
    adminKeys,
    webhooks,
    allowAddresses,
    asp,
  } = members(json, path, configMembers);
  const rules = policy === undefined ? {} : { policy: list(policy, `${path}: policy`) as readonly PolicyRule[] };
  const governance = {
    ...(adminKeys !== undefined && { adminKeys: readList(adminKeys, `${path}: adminKeys`, text) }),
    ...(webhooks !== undefined && { webhooks: readList(webhooks, `${path}: webhooks`, readWebhook) }),
    ...(allowAddresses !== undefined && { allowAddresses: readList(allowAddresses, `${path}: allowAddresses`, text) }),
  };
  return {
    budgets: readList(budgets, `${path}: budgets`, readBudget),
    keys: readList(keys, `${path}: keys`, readKey),
    ...rules,
    // The authority checks the word.
    ...(overdraft !== undefined && { overdraft: text(overdraft, `${path}: overdraft`) as OverdraftRule }),
    ...governance,
    ...(asp !== undefined && { asp: readAspConfig(asp, `${path}: asp`) }),
  };
}

const configMembers = new Set<keyof ServeConfig>([
  "budgets",
  "keys",
  "policy",
  "overdraft",
  "adminKeys",
  "webhooks",
  "allowAddresses",
  "asp",
]);
const budgetMembers = new Set<keyof BudgetLine>(["scope", "allocated", "overdraftLimit", "overagePolicy", "period"]);
const keyMembers = new Set<keyof KeyLine>(["tenant", "key", "scopeFilter"]);
const periodMembers = new Set(["every", "timeZone", "startsAt", "endsAt", "rollingMs", "rollover"]);

const aspMembers = new Set<keyof AspConfig>([
  "issuer",
  "key",
  "prefix",
  "ttlMs",
  "graceWindowMs",
  "overage",
  "retiredKeys",
]);

function readAspConfig(value: unknown, where: string): AspConfig {
  const entry = members(value, where, aspMembers);
  for (const name of ["issuer", "key", "prefix"]) if (entry[name] !== undefined) text(entry[name], `${where}.${name}`);
  for (const name of ["overage", "retiredKeys"]) {
    if (entry[name] !== undefined) readList(entry[name], `${where}.${name}`, text);
  }
  // The authority checks the ranges of the two times.
  for (const name of ["ttlMs", "graceWindowMs"]) {
    const time = entry[name];
    if (time !== undefined && typeof time !== "number") throw new UsageError(`${where}.${name} is no number.`);
  }
  return entry;
}

function readList<Item>(value: unknown, where: string, read: (entry: unknown, where: string) => Item): Item[] {
  return list(value, where).map((entry, at) => read(entry, `${where}[${at}]`));
}

function readBudget(entry: unknown, where: string): BudgetLine {
  const { scope, allocated, overdraftLimit, overagePolicy, period } = members(entry, where, budgetMembers);
  return {
    scope: parseScope(text(scope, `${where}.scope`)),
    allocated: readAmountAt(allocated, `${where}.allocated`),
    ...(overdraftLimit !== undefined && { overdraftLimit: readAmountAt(overdraftLimit, `${where}.overdraftLimit`) }),
    // The authority checks the words.
    ...(overagePolicy !== undefined && { overagePolicy: text(overagePolicy, where) as BudgetLine["overagePolicy"] }),
    ...(period !== undefined && { period: readPeriod(period, `${where}.period`) }),
  };
}

function readAmountAt(value: unknown, where: string): Amount {
  return readAmount(text(value, where), where);
}

/** `every` with a `timeZone`, or `startsAt` and `endsAt`, or `rollingMs`. */
function readPeriod(entry: unknown, where: string): BudgetLine["period"] {
  const { every, timeZone, startsAt, endsAt, rollingMs, rollover: word } = members(entry, where, periodMembers);
  const kinds = [every, startsAt ?? endsAt, rollingMs].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) throw new UsageError(`${where} needs every, or startsAt and endsAt, or rollingMs.`);
  if (rollingMs !== undefined) {
    if (word !== undefined) throw new UsageError(`${where}: nothing rolls over in a rolling window.`);
    return { rollingMs: Number(rollingMs) };
  }
  const rollover = word === undefined ? undefined : (text(word, `${where}.rollover`) as RolloverPolicy);
  if (every === undefined) {
    return {
      startsAtMs: instant(startsAt, `${where}.startsAt`),
      endsAtMs: instant(endsAt, `${where}.endsAt`),
      rollover,
    };
  }
  const zone = timeZone === undefined ? undefined : text(timeZone, `${where}.timeZone`);
  return { every: text(every, `${where}.every`) as CalendarUnit, timeZone: zone, rollover };
}

function instant(value: unknown, where: string): number {
  const ms = Date.parse(text(value, where));
  if (Number.isNaN(ms)) throw new UsageError(`${where} is no instant; write 2026-12-01T00:00:00Z.`);
  return ms;
}

function readKey(entry: unknown, where: string): KeyLine {
  const { tenant, key, scopeFilter } = members(entry, where, keyMembers);
  return {
    tenant: text(tenant, `${where}.tenant`),
    ...(key !== undefined && { key: text(key, `${where}.key`) }),
    ...(scopeFilter !== undefined && { scopeFilter: readList(scopeFilter, `${where}.scopeFilter`, text) }),
  };
}

const webhookMembers: ReadonlySet<string> = new Set<keyof Webhook>([
  "id",
  "tenant",
  "url",
  "secret",
  "eventTypes",
  "eventCategories",
  "scopeFilter",
  "retry",
  "disableAfterFailures",
]);

/** The authority checks what the members hold; here they are there, and none is a slip of the pen. */
function readWebhook(entry: unknown, where: string): Webhook {
  const webhook = members(entry, where, webhookMembers);
  for (const name of ["id", "url", "secret"]) text(webhook[name], `${where}.${name}`);
  for (const name of ["eventTypes", "eventCategories"]) {
    if (webhook[name] !== undefined) readList(webhook[name], `${where}.${name}`, text);
  }
  return webhook as unknown as Webhook;
}

function parseScope(path: string): Subject {
  const scope: Record<string, string> = {};
  for (const segment of path.split("/")) {
    const [, level = "", name = ""] = /^([a-z]+):(.+)$/.exec(segment) ?? [];
    if (!subjectLevels.some((known) => known === level))
      throw new UsageError(`"${segment}" is no scope; write ${subjectLevels.join(", ")} as tenant:acme/agent:bot.`);
    scope[level] = name;
  }
  return scope;
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${where} is not an object.`);
}

/** An object without a slip of the pen. */
function members(value: unknown, where: string, known: ReadonlySet<string>): Record<string, unknown> {
  const entry = record(value, where);
  const surplus = Object.keys(entry).find((name) => !known.has(name));
  if (surplus !== undefined) throw new UsageError(`${where}: there is no member "${surplus}".`);
  return entry;
}

function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new UsageError(`${where} is not a list.`);
}

function text(value: unknown, where: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new UsageError(`${where} is missing or no text.`);
}

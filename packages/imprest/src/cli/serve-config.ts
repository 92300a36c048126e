import type { Amount, Subject } from "@imprest/core";
import type { PolicyRule, Webhook } from "@imprest/embedded";
import { readAmount } from "./amount-text.ts";
import { UsageError } from "./command.ts";

/** A budget to create. */
export interface BudgetLine {
  readonly scope: Subject;
  readonly allocated: Amount;
  readonly overdraftLimit?: Amount | undefined;
}

/** What `imprest serve` starts with. */
export interface ServeConfig {
  readonly budgets: readonly BudgetLine[];
  readonly keys: readonly { readonly tenant: string; readonly key?: string | undefined }[];
  readonly policy?: readonly PolicyRule[] | undefined;
  /** Who may act as administrator; the governance plane is served where there is one. */
  readonly adminKeys?: readonly string[] | undefined;
  readonly webhooks?: readonly Webhook[] | undefined;
}

const levels = ["tenant", "workspace", "app", "workflow", "agent", "toolset"];

/** Reads `tenant:acme/agent:bot=USD:5.00`. @throws UsageError. */
export function parseBudget(text: string): BudgetLine {
  const at = text.lastIndexOf("=");
  if (at < 1) throw new UsageError(`--budget "${text}" has no amount; write tenant:acme=USD:5.00.`);
  return { scope: parseScope(text.slice(0, at)), allocated: readAmount(text.slice(at + 1), `--budget ${text}`) };
}

/** Reads `acme` or `acme=KEY`. @throws UsageError. */
export function parseKey(text: string): { readonly tenant: string; readonly key?: string } {
  const at = text.indexOf("=");
  if (text === "" || at === 0) throw new UsageError("--key names no tenant; write --key acme.");
  return at === -1 ? { tenant: text } : { tenant: text.slice(0, at), key: text.slice(at + 1) };
}

/**
 * Reads a configuration: `{ "budgets": [{ "scope": "tenant:acme", "allocated": "USD:5.00", "overdraftLimit": "USD:1.00" }],
 * "keys": [{ "tenant": "acme", "key": "…" }], "policy": [{ "belowPercent": 20, "caps": { "max_tokens": 256 } }],
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
  const { budgets = [], keys = [], policy, adminKeys, webhooks, ...unknown } = record(json, path);
  const [surplus] = Object.keys(unknown);
  if (surplus !== undefined) throw new UsageError(`${path}: there is no member "${surplus}".`);
  const rules = policy === undefined ? {} : { policy: list(policy, `${path}: policy`) as readonly PolicyRule[] };
  const governance = {
    ...(adminKeys !== undefined && { adminKeys: readList(adminKeys, `${path}: adminKeys`, text) }),
    ...(webhooks !== undefined && { webhooks: readList(webhooks, `${path}: webhooks`, readWebhook) }),
  };
  return {
    budgets: readList(budgets, `${path}: budgets`, readBudget),
    keys: readList(keys, `${path}: keys`, readKey),
    ...rules,
    ...governance,
  };
}

function readList<Item>(value: unknown, where: string, read: (entry: unknown, where: string) => Item): Item[] {
  return list(value, where).map((entry, at) => read(entry, `${where}[${at}]`));
}

function readBudget(entry: unknown, where: string): BudgetLine {
  const { scope, allocated, overdraftLimit } = record(entry, where);
  const limit = overdraftLimit === undefined ? {} : { overdraftLimit: readAmount(text(overdraftLimit, where), where) };
  return {
    scope: parseScope(text(scope, `${where}.scope`)),
    allocated: readAmount(text(allocated, where), where),
    ...limit,
  };
}

function readKey(entry: unknown, where: string): { readonly tenant: string; readonly key?: string } {
  const { tenant, key } = record(entry, where);
  return { tenant: text(tenant, `${where}.tenant`), ...(key !== undefined && { key: text(key, `${where}.key`) }) };
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
  const webhook = record(entry, where);
  const surplus = Object.keys(webhook).find((name) => !webhookMembers.has(name));
  if (surplus !== undefined) throw new UsageError(`${where}: there is no member "${surplus}".`);
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
    if (!levels.includes(level))
      throw new UsageError(`"${segment}" is no scope; write ${levels.join(", ")} as tenant:acme/agent:bot.`);
    scope[level] = name;
  }
  return scope;
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${where} is not an object.`);
}

function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new UsageError(`${where} is not a list.`);
}

function text(value: unknown, where: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new UsageError(`${where} is missing or no text.`);
}

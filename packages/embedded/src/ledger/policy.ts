import { type Action, type Amount, ConfigurationError, type Subject } from "@imprest/core";
import { type Budget, type BudgetBalance, balanceOf, remainingOf } from "./budget.ts";
import type { Caps } from "./caps.ts";
import type { Evaluation } from "./outcomes.ts";
import { type Scopes, canonicalScope, isScopePath, subjectOf } from "./scopes.ts";

/** What a policy is asked about: a request that the budgets could cover. */
export interface PolicyQuestion {
  readonly tenant: string;
  /** Its levels are in lower case, as in `scopePath`: to be compared with, another spelling of a name is no other name. */
  readonly subject: Subject;
  readonly action: Action;
  readonly estimate: Amount;
  readonly scopePath: string;
  /** The budgets that the request would draw on, before it does. */
  readonly budgets: readonly BudgetBalance[];
  /** Whole percent of its allocation that the scarcest budget would have left, rounded down; negative in debt. */
  readonly remainingPercent: number;
}

/** What a policy says: caps to grant under, or a denial with the operator's own reason code. */
export interface PolicyAnswer {
  readonly caps?: Caps | undefined;
  readonly deny?: { readonly reasonCode: string; readonly retryAfterMs?: number | undefined } | undefined;
}

/** A rule holds when all of its conditions do; a rule without any always holds. */
export interface PolicyRule extends PolicyAnswer {
  /** A scope path, in whatever case; the rule holds for it and for everything beneath. */
  readonly scope?: string | undefined;
  /** An action kind, or its beginning followed by `*`: `"llm.completion"`, `"llm.*"`. */
  readonly kind?: string | undefined;
  /** An action name, or its beginning followed by `*`. */
  readonly name?: string | undefined;
  /** Holds when the scarcest budget would have less than this percentage of its allocation left. */
  readonly belowPercent?: number | undefined;
}

/** The operator's word on requests that the budgets could cover: rules, or a pure function. */
export type Policy = readonly PolicyRule[] | ((question: PolicyQuestion) => PolicyAnswer | undefined);

type Asked = Pick<PolicyQuestion, "tenant" | "subject" | "action" | "estimate">;

/** What the operator's policy makes of a request that the budgets cover. */
export function evaluatePolicy(
  policy: Policy | undefined,
  request: Asked,
  scopes: Scopes,
  budgets: readonly Budget[],
): Evaluation {
  const where = { scopePath: scopes.path, affectedScopes: scopes.affected };
  if (policy === undefined) return { decision: "ALLOW", ...where };
  const { deny, caps } = askPolicy(policy, request, scopes, budgets);
  if (deny !== undefined) {
    const { reasonCode, retryAfterMs } = deny;
    return { decision: "DENY", reasonCode, retryAfterMs, denyDetail: { reasonCode }, ...where };
  }
  return caps === undefined ? { decision: "ALLOW", ...where } : { decision: "ALLOW_WITH_CAPS", caps, ...where };
}

/** Asks the policy. The first denial wins; the caps of all rules that hold are joined to the strictest. */
function askPolicy(policy: Policy, request: Asked, scopes: Scopes, budgets: readonly Budget[]): PolicyAnswer {
  const remainingPercent = Math.min(...budgets.map((budget) => percentLeft(budget, request.estimate.amount)));
  if (typeof policy === "function") {
    const { tenant, action, estimate } = request;
    const subject = { ...request.subject, ...subjectOf(scopes.path) };
    const balances = budgets.map(balanceOf);
    const question = { tenant, subject, action, estimate, scopePath: scopes.path, budgets: balances, remainingPercent };
    const answer = policy(question) ?? {};
    checkAnswer(answer, "The policy's answer");
    return answer;
  }
  let caps: Caps | undefined;
  for (const rule of policy) {
    if (!holds(rule, scopes, request.action, remainingPercent)) continue;
    if (rule.deny !== undefined) return { deny: rule.deny };
    if (rule.caps !== undefined) caps = caps === undefined ? rule.caps : strictest(caps, rule.caps);
  }
  return { caps };
}

const ruleMembers: ReadonlySet<string> = new Set<keyof PolicyRule>([
  "scope",
  "kind",
  "name",
  "belowPercent",
  "caps",
  "deny",
]);

const capNames: ReadonlySet<string> = new Set<keyof Caps>([
  "max_tokens",
  "max_steps_remaining",
  "tool_allowlist",
  "tool_denylist",
  "cooldown_ms",
]);

/** Checks an operator's rules before they are used. @throws ConfigurationError naming the rule. */
export function checkPolicyRules(policy: Policy | undefined): void {
  if (policy === undefined || typeof policy === "function") return;
  policy.forEach((rule, at) => {
    // A condition that is misspelt is none, and the rule would hold for everything.
    const caps = Object.keys(rule.caps ?? {}).filter((name) => !capNames.has(name));
    const surplus = Object.keys(rule).find((name) => !ruleMembers.has(name)) ?? caps[0];
    if (surplus !== undefined)
      throw new ConfigurationError(`policy[${at}] has a member "${surplus}", which means nothing.`);
    checkAnswer(rule, `policy[${at}]`);
    if (rule.scope !== undefined && !isScopePath(rule.scope)) {
      throw new ConfigurationError(`policy[${at}].scope must be a scope path such as "tenant:acme/agent:bot".`);
    }
    if (rule.belowPercent === undefined || Number.isFinite(rule.belowPercent)) return;
    throw new ConfigurationError(`policy[${at}].belowPercent must be a number.`);
  });
}

/** What is granted is written to the store and to the wire, so it must be what a wire can carry (Cycles §Caps). */
function checkAnswer({ caps = {}, deny }: PolicyAnswer, what: string): void {
  const { max_tokens, max_steps_remaining, cooldown_ms, tool_allowlist = [], tool_denylist = [] } = caps;
  for (const count of [max_tokens, max_steps_remaining, cooldown_ms, deny?.retryAfterMs]) {
    if (count === undefined || (Number.isSafeInteger(count) && count >= 0)) continue;
    throw new ConfigurationError(`${what} holds ${count} where a whole number, zero or more, belongs.`);
  }
  for (const tool of [...tool_allowlist, ...tool_denylist]) {
    if (typeof tool === "string" && tool.length <= 256) continue;
    throw new ConfigurationError(`${what} holds a tool that is no name of at most 256 characters.`);
  }
  if (deny === undefined || (typeof deny.reasonCode === "string" && /^.{1,128}$/.test(deny.reasonCode))) return;
  throw new ConfigurationError(`${what} denies without a reason code of 1 to 128 characters.`);
}

function holds(rule: PolicyRule, scopes: Scopes, action: Action, remainingPercent: number): boolean {
  return (
    (rule.scope === undefined || scopes.affected.includes(canonicalScope(rule.scope))) &&
    (rule.kind === undefined || matches(rule.kind, action.kind)) &&
    (rule.name === undefined || matches(rule.name, action.name ?? action.kind)) &&
    (rule.belowPercent === undefined || remainingPercent < rule.belowPercent)
  );
}

function matches(pattern: string, text: string): boolean {
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : text === pattern;
}

function percentLeft(budget: Budget, estimate: bigint): number {
  if (budget.allocated === 0n) return 0;
  const hundredfold = (remainingOf(budget) - estimate) * 100n;
  const percent = hundredfold / budget.allocated;
  return Number(hundredfold < 0n && hundredfold % budget.allocated !== 0n ? percent - 1n : percent);
}

function strictest(left: Caps, right: Caps): Caps {
  return {
    max_tokens: least(left.max_tokens, right.max_tokens),
    max_steps_remaining: least(left.max_steps_remaining, right.max_steps_remaining),
    tool_allowlist: both(left.tool_allowlist, right.tool_allowlist),
    tool_denylist: either(left.tool_denylist, right.tool_denylist),
    cooldown_ms: most(left.cooldown_ms, right.cooldown_ms),
  };
}

function least(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : Math.min(left, right);
}

function most(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : Math.max(left, right);
}

type Tools = readonly string[] | undefined;

/** The tools on both lists. An empty allowlist would mean "no restriction" (Cycles §Caps), so a void one names no tool. */
function both(left: Tools, right: Tools): Tools {
  if (!left?.length || !right?.length) return left?.length ? left : right;
  const common = left.filter((tool) => right.includes(tool));
  return common.length > 0 ? common : [""];
}

function either(left: Tools, right: Tools): Tools {
  return left === undefined || right === undefined ? (left ?? right) : [...new Set([...left, ...right])];
}

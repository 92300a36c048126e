import type { Amount } from "../../amount/amount.ts";
import { boundedText, flag, text, wholeNumber } from "../../wire/leaves.ts";
import { type Shape, closedObject, list, object, optional, refined } from "../../wire/shape.ts";
import { amount, signedAmount } from "./amount.ts";
import { subjectLevels } from "./subject.ts";

/**
 * The books of one scope in one unit (Cycles §Balance). When all parts are present,
 * `remaining = allocated - spent - reserved - debt`; without `allocated`, `remaining` stands by itself.
 */
export interface Balance {
  readonly scope: string;
  readonly scope_path: string;
  /** Negative in overdraft. */
  readonly remaining: Amount;
  readonly reserved?: Amount | undefined;
  readonly spent?: Amount | undefined;
  readonly debt?: Amount | undefined;
  readonly allocated?: Amount | undefined;
  readonly overdraft_limit?: Amount | undefined;
  readonly is_over_limit?: boolean | undefined;
}

const optionalAmount = optional(amount);

export const balance: Shape<Balance> = object({
  scope: text,
  scope_path: text,
  remaining: signedAmount,
  reserved: optionalAmount,
  spent: optionalAmount,
  debt: optionalAmount,
  allocated: optionalAmount,
  overdraft_limit: optionalAmount,
  is_over_limit: optional(flag),
});

export const balances: Shape<Balance[]> = list(balance);

/** One page of balances (Cycles §BalanceResponse). */
export interface BalanceResponse {
  readonly balances: readonly Balance[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const balanceResponse: Shape<BalanceResponse> = object({
  balances: balances,
  next_cursor: optional(text),
  has_more: optional(flag),
});

/** Which balances (Cycles §getBalances). At least one level is named. */
export interface BalanceQuery {
  readonly tenant?: string | undefined;
  readonly workspace?: string | undefined;
  readonly app?: string | undefined;
  readonly workflow?: string | undefined;
  readonly agent?: string | undefined;
  readonly toolset?: string | undefined;
  readonly include_children?: boolean | undefined;
  /** 1 to 200; 50 when absent. */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

const level = optional(boundedText(128));

export const balanceQuery: Shape<BalanceQuery> = refined(
  closedObject({
    tenant: level,
    workspace: level,
    app: level,
    workflow: level,
    agent: level,
    toolset: level,
    include_children: optional(flag),
    limit: optional(wholeNumber(1, 200)),
    cursor: optional(boundedText(4096)),
  }),
  (query: BalanceQuery) => subjectLevels.some((name) => query[name] !== undefined && query[name] !== ""),
  `must name at least one of ${subjectLevels.join(", ")}`,
);

import * as z from "zod/mini";
import type { Amount } from "../../amount/amount.ts";
import type { WireSchema } from "../../wire/schema.ts";
import { amountSchema, signedAmountSchema } from "./amount.ts";
import { boundedText, flag, listOf, requestObject, responseObject, text, wholeNumber } from "./fields.ts";
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

const optionalAmount = z.optional(amountSchema);

export const balanceSchema: WireSchema<Balance> = responseObject({
  scope: text,
  scope_path: text,
  remaining: signedAmountSchema,
  reserved: optionalAmount,
  spent: optionalAmount,
  debt: optionalAmount,
  allocated: optionalAmount,
  overdraft_limit: optionalAmount,
  is_over_limit: z.optional(flag),
});

export const balancesSchema: WireSchema<Balance[]> = listOf(balanceSchema);

/** One page of balances (Cycles §BalanceResponse). */
export interface BalanceResponse {
  readonly balances: readonly Balance[];
  readonly next_cursor?: string | undefined;
  readonly has_more?: boolean | undefined;
}

export const balanceResponseSchema: WireSchema<BalanceResponse> = responseObject({
  balances: balancesSchema,
  next_cursor: z.optional(text),
  has_more: z.optional(flag),
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

const level = z.optional(boundedText(128));

export const balanceQuerySchema: WireSchema<BalanceQuery> = requestObject({
  tenant: level,
  workspace: level,
  app: level,
  workflow: level,
  agent: level,
  toolset: level,
  include_children: z.optional(flag),
  limit: z.optional(wholeNumber(1, 200)),
  cursor: z.optional(boundedText(4096)),
}).check(
  z.refine(
    (query) => subjectLevels.some((name) => query[name] !== undefined && query[name] !== ""),
    `must name at least one of ${subjectLevels.join(", ")}`,
  ),
);

/** Reason codes that the authorities here give, as the end of "was denied: …". Others are shown as they are. */
const sentences: Readonly<Record<string, string>> = {
  BUDGET_EXCEEDED: "it asked for more than is left",
  OVERDRAFT_LIMIT_EXCEEDED: "the budget is over its limit until it is funded",
  DEBT_OUTSTANDING: "the budget has a debt to be paid first",
  BUDGET_NOT_FOUND: "no budget covers it",
  BUDGET_FROZEN: "the budget is frozen",
  BUDGET_CLOSED: "the budget is closed",
  ACTION_QUOTA_EXCEEDED: "a policy allows no more of these actions for now",
  ACTION_KIND_DENIED: "a policy forbids this kind of action",
  ACTION_KIND_NOT_ALLOWED: "no policy allows this kind of action",
  TENANT_CLOSED: "the tenant is closed",
};

/** Why a call was denied, in words; `undefined` for a code of another authority. */
export function reasonSentence(code: string | undefined): string | undefined {
  return code === undefined ? undefined : sentences[code];
}

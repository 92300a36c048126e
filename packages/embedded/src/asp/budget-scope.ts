import type { Subject } from "@imprest/core";
import { subjectOf } from "../ledger/scopes.ts";
import { AspRefusal } from "./refusal.ts";

/** A budget's id is the path of its scope: `tenant:acme/agent:bot`. @throws AspRefusal for any other. */
export function scopeOf(budgetId: string): Subject {
  const isPath = /^[a-z]+:[^/:]+(\/[a-z]+:[^/:]+)*$/.test(budgetId);
  if (isPath) return subjectOf(budgetId);
  const message = 'The budget_id is not the path of a scope, such as "tenant:acme/agent:bot".';
  throw new AspRefusal("not_found", message, "BUDGET_NOT_FOUND");
}

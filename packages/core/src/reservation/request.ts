import { assertAmount } from "../amount/amount.ts";
import { ValidationError, type ValidationIssue } from "../errors/local-errors.ts";
import type { ReserveRequest } from "../authority/request.ts";

const members: ReadonlySet<string> = new Set<keyof ReserveRequest>([
  "estimate",
  "action",
  "subject",
  "ttlMs",
  "metadata",
  "extensions",
]);

/** Checks what every protocol needs; each authority adds its own wire's limits. @throws ValidationError. */
export function checkRequest(request: ReserveRequest): void {
  assertAmount(request.estimate, "estimate");
  const issues: ValidationIssue[] = [];
  if (request.estimate.amount < 0n) issues.push({ pointer: "/estimate/amount", message: "is negative" });
  if (typeof request.action?.kind !== "string" || request.action.kind === "") {
    issues.push({ pointer: "/action/kind", message: 'is missing; name what is done, such as "llm.completion"' });
  }
  const { ttlMs } = request;
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && ttlMs > 0)) {
    issues.push({ pointer: "/ttlMs", message: "is not a whole number of milliseconds above 0" });
  }
  for (const name of Object.keys(request)) {
    if (members.has(name)) continue;
    // An option in the wrong place, such as `nest`, would be ignored, and the money held twice.
    issues.push({ pointer: `/${name}`, message: "is no member of a request; options go in the last argument" });
  }
  if (issues.length > 0) throw new ValidationError("reserve request", issues);
}

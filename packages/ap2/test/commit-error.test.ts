import { ConnectionError, type Settlement, SettlementError } from "@imprest/core";
import { AP2GuardCommitUncertain } from "@imprest/ap2";
import { expect, it } from "vitest";
import { commitError } from "../src/commit-error.ts";

const fields = { reservationId: "rsv_1", attempt: { record: "r", claim: "c" } };
const settlement = (error: Error): Settlement => ({
  status: "pending",
  reservationId: "rsv_1",
  idempotencyKey: "k",
  error,
});

it.each([
  ["commit_raises_exception_surfaces_as_uncertain", new TypeError("broken"), "COMMIT_RAISED"],
  ["a transport's error", new ConnectionError("gone"), "TRANSPORT_ERROR"],
])("%s", (_, cause, errorCode) => {
  const error = commitError(settlement(cause), fields);
  expect(error).toBeInstanceOf(AP2GuardCommitUncertain);
  expect(error).toMatchObject({ errorCode, cause });
});

it("a settlement's error is looked through, and the body's own error stays the cause", () => {
  const refused = new SettlementError(
    "refused",
    { spendHappened: true, reservationId: "rsv_1" },
    { cause: new ConnectionError("gone") },
  );
  const bodyError = new Error("the body's");
  expect(commitError(settlement(refused), fields, bodyError)).toMatchObject({
    errorCode: "TRANSPORT_ERROR",
    cause: bodyError,
  });
});

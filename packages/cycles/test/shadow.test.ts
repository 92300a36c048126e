import { expect, it } from "vitest";
import { usd } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { CyclesClient, withShadow } from "@imprest/cycles";
import { type Answer, refusal, startStub } from "./support/stub-authority.ts";

const request = { estimate: usd("0.01"), action: { kind: "k" }, subject: { tenant: "acme" } };
const denial = { body: { decision: "DENY", reason_code: "BUDGET_EXCEEDED", affected_scopes: ["tenant:acme"] } };

async function shadowed(
  answer: Answer,
  timeoutMs = 10_000,
): Promise<{ value: number; outcome: unknown; sent: unknown }> {
  const stub = await startStub(() => answer);
  const told = createDeferred<unknown>();
  const client = new CyclesClient({ baseUrl: stub.url, apiKey: "test-key", timeoutMs });
  const value = await withShadow(client, request, () => 5, { onDecision: (outcome) => told.resolve(outcome) });
  return { value, outcome: await told.promise, sent: stub.received[0]?.json["dry_run"] };
}

it("the body runs though the authority would deny it, and the decision is reported", async () => {
  const { value, outcome, sent } = await shadowed(denial);
  expect(value).toBe(5);
  expect(sent).toBe(true);
  expect(outcome).toMatchObject({ decision: { decision: "DENY", reasonCode: "BUDGET_EXCEEDED", requestId: "req_1" } });
});

it.each<[string, Answer]>([
  ["is down", (response) => response.destroy()],
  ["hangs", () => {}],
  ["refuses", refusal(401, "UNAUTHORIZED")],
  ["talks nonsense", { text: "<html>" }],
])("an authority that %s does not break the call", async (_what, answer) => {
  const { value, outcome } = await shadowed(answer, 300);
  expect(value).toBe(5);
  expect(outcome).toEqual({ error: expect.any(Error) as Error });
});

it("the body's own error is thrown, and a broken listener does not reach it", async () => {
  const stub = await startStub(() => denial);
  const client = new CyclesClient({ baseUrl: stub.url, apiKey: "test-key" });
  const onDecision = (): void => {
    throw new Error("listener is broken");
  };
  const failing = withShadow(client, request, () => Promise.reject(new Error("model is down")), { onDecision });
  await expect(failing).rejects.toThrow("model is down");
  expect(await withShadow(client, request, () => 1, { onDecision })).toBe(1);
});

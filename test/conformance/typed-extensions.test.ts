import { AspAuthority, type AspExtensions } from "@imprest/asp";
import { type ReserveRequest, amount, usd, withReservation } from "@imprest/core";
import { CyclesAuthority, type CyclesExtensions } from "@imprest/cycles";
import { expect, it } from "vitest";

// What one protocol alone knows of a request is typed by its package, and a typed request is one for any authority.

const sent: string[] = [];
const transport = ({ body = "" }: { readonly body?: string | undefined }): Promise<never> => {
  sent.push(body);
  return Promise.reject(new Error("down"));
};
const action = { kind: "llm.completion" };

it("a typed request carries the terms of Cycles, and a misspelt term does not compile", async () => {
  const request: ReserveRequest<CyclesExtensions> = {
    estimate: usd("0.02"),
    action,
    extensions: { cycles: { overage_policy: "REJECT", grace_period_ms: 1_000 } },
  };
  // @ts-expect-error there is no such policy
  const policy: CyclesExtensions = { cycles: { overage_policy: "REFUSE" } };
  // @ts-expect-error there is no such term
  const term: CyclesExtensions = { cycles: { overage_polcy: "REJECT" } };
  expect([policy, term]).toHaveLength(2);
  const options = { baseUrl: "https://authority.example", apiKey: "test-key-123", subject: { tenant: "acme" } };
  await expect(withReservation(new CyclesAuthority({ ...options, transport }), request, () => 1)).rejects.toThrow();
  expect(JSON.parse(sent.splice(0)[0] ?? "")).toMatchObject({ overage_policy: "REJECT", grace_period_ms: 1_000 });
});

it("a typed request names the budget of an ASP call", async () => {
  const request: ReserveRequest<AspExtensions> = {
    estimate: amount("output_token", 1n),
    action,
    extensions: { asp: { budget_id: "own", identity: { team: "search" } } },
  };
  // @ts-expect-error the wire's word is budget_id
  const misspelt: AspExtensions = { asp: { budgetId: "own" } };
  expect(misspelt).toBeDefined();
  const authority = new AspAuthority({ baseUrl: "https://authority.example", transport });
  await expect(withReservation(authority, request, () => 1)).rejects.toThrow();
  expect(sent.splice(0)[0]).toContain('"own"');
});

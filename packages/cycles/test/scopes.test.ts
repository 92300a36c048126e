import { expect, it } from "vitest";
import { type Amount, tokens, usd } from "@imprest/core";
import { findBalance, isSameScope, scopesOf } from "@imprest/cycles";

it("scopes follow the canonical order, and gaps are skipped", () => {
  expect(
    scopesOf({ agent: "summarizer", tenant: "acme", workspace: undefined, app: "chat", dimensions: { run: "1" } }),
  ).toEqual(["tenant:acme", "tenant:acme/app:chat", "tenant:acme/app:chat/agent:summarizer"]);
  expect(scopesOf({ toolset: "web" })).toEqual(["toolset:web"]);
});

it("scopes match whatever their case, balances by unit too", () => {
  expect(isSameScope("tenant:Acme/agent:X", "tenant:acme/agent:x")).toBe(true);
  expect(isSameScope("tenant:acme", "tenant:acme2")).toBe(false);
  const balance = (path: string, remaining: Amount) => ({ scope: path, scope_path: path, remaining });
  const balances = [balance("tenant:acme", usd(1)), balance("tenant:acme", tokens(5))];
  expect(findBalance(balances, "tenant:ACME")).toBe(balances[0]);
  expect(findBalance(balances, "tenant:ACME", "TOKENS")).toBe(balances[1]);
  expect(findBalance(balances, "tenant:ACME", "CREDITS")).toBeUndefined();
});

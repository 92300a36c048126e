import { usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { expect, it } from "vitest";

const many = (length: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length }, (_, at) => [`member${at}`, 1]));
const whole = {
  idempotency_key: "key-1",
  subject: { tenant: "acme" },
  action: { kind: "llm.completion", name: "model" },
  estimate: { unit: "USD_MICROCENTS", amount: 1 },
};

it.each<[string, object]>([
  ["a list of wrong tags", { ...whole, action: { ...whole.action, tags: Array.from({ length: 120_000 }, () => 1) } }],
  ["members that the protocol does not know", { ...whole, ...many(15_000) }],
  ["wrong dimensions", { ...whole, subject: { tenant: "acme", dimensions: many(15_000) } }],
  ["one long name", { ...whole, ["x".repeat(240_000)]: 1 }],
  ["one long unit", { ...whole, estimate: { unit: "U".repeat(240_000), amount: 1 } }],
])("a quarter of a megabyte of nonsense (%s) is refused in at most 8 kB", async (_what, body) => {
  const embedded = createEmbeddedAuthority();
  await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("1") });
  const { key } = await embedded.apiKeys.create({ tenant: "acme" });
  for (const path of ["/v1/reservations", "/v1/decide"]) {
    const answer = await embedded.handler(
      new Request(`http://localhost${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-cycles-api-key": key },
        body: JSON.stringify(body),
      }),
    );
    expect(answer.status).toBe(400);
    const text = await answer.text();
    expect(text.length).toBeLessThan(8_000);
    const { details } = JSON.parse(text) as { readonly details?: { readonly issues: readonly unknown[] } };
    expect(details?.issues.length).toBeLessThanOrEqual(20);
  }
  await embedded.close();
});

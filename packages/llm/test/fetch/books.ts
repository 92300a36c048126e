import { Observer, type SettlementInstruction, type SpendEvents, usd } from "@imprest/core";
import { createEmbeddedAuthority } from "@imprest/embedded";
import { createPriceTable } from "@imprest/llm";

/** A dollar a token: amounts of the tests are read off at sight. */
const perToken = { input: "1000000", output: "1000000" };

export const prices = createPriceTable({
  "gpt-4o": perToken,
  "text-embedding-3": { input: "1000000" },
  "dall-e": { per: { image: "2" } },
  "gpt-image": { ...perToken, imageOutput: "1000000", maxOutputTokens: 100, maxInputTokens: 1_000 },
  "claude-3-haiku": { ...perToken, cachedInput: "500000", cacheWrite: "1000000" },
  "gemini-2.0-flash": { ...perToken, maxOutputTokens: 100 },
  thinker: { ...perToken, maxOutputTokens: 100 },
  whisper: { per: { second: "1" }, input: "0", output: "0", maxInputTokens: 10, maxOutputTokens: 0 },
});

export interface Books {
  readonly authority: ReturnType<ReturnType<typeof createEmbeddedAuthority>["authority"]>;
  /** Whole dollars that are spent, held and left; rejects where something is not whole. */
  readonly read: () => Promise<{ readonly spent: number; readonly reserved: number }>;
  readonly events: { readonly [Name in "settlement" | "dead-letter" | "decision"]: SpendEvents[Name][] };
  /** How each reservation was settled, in order: `commit 12 actual`, `release`. */
  readonly settlements: () => string[];
}

/** The books of a tenant with so many dollars. */
export async function openBooks(
  dollars = 10_000,
  policy: Parameters<typeof createEmbeddedAuthority>[0] = {},
): Promise<Books> {
  const embedded = createEmbeddedAuthority(policy);
  const scope = { tenant: "acme" };
  await embedded.budgets.create({ scope, allocated: usd(dollars) });
  const observer = new Observer();
  const events: Books["events"] = { settlement: [], "dead-letter": [], decision: [] };
  observer.on("settlement", (event) => events.settlement.push(event));
  observer.on("dead-letter", (event) => events["dead-letter"].push(event));
  observer.on("decision", (event) => events.decision.push(event));
  return {
    authority: embedded.authority({ ...scope, observer }),
    events,
    async read() {
      // A release is not waited for by its caller.
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      const { spent, reserved } = await embedded.budgets.get({ scope, unit: "USD_MICROCENTS" });
      return { spent: Number(spent) / 1e8, reserved: Number(reserved) / 1e8 };
    },
    settlements: () =>
      events.settlement.map(({ settlement: { status, charged, basis } }) =>
        status === "released" ? "released" : `${status} ${Number(charged?.amount ?? 0n) / 1e8} ${basis}`,
      ),
  };
}

export type { SettlementInstruction };

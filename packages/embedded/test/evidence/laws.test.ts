import { usdMicrocents } from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Answer } from "../support.ts";
import { SigningWorld, action, attestedPartOf, authentic, estimate, referenceOf, subject } from "./support.ts";

type Step =
  | { readonly do: "decide" | "reserve" | "dry_run"; readonly amount: number; readonly key: number }
  | { readonly do: "commit" | "release"; readonly which: number; readonly amount: number; readonly key: number }
  | { readonly do: "rotate" }
  | { readonly do: "advance"; readonly ms: number };

// Few keys, so that some requests are replays and some reuse a key for something else.
const key = fc.nat({ max: 5 });
const amount = fc.constantFrom(0, 1, 7, 400, 5_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("decide" as const, "reserve", "dry_run"), amount, key }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("commit" as const, "release"), which: fc.nat({ max: 4 }), amount, key }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "rotate" }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.nat({ max: 40_000 }) }) },
);

async function perform(world: SigningWorld, step: Step, ids: string[]): Promise<Answer | undefined> {
  switch (step.do) {
    case "decide": {
      const request = {
        idempotency_key: `k${step.key}`,
        subject,
        action,
        estimate: { ...estimate, amount: step.amount },
      };
      return world.acme.post("/v1/decide", request);
    }
    case "reserve":
    case "dry_run": {
      const more = { idempotency_key: `k${step.key}`, ttl_ms: 20_000, estimate: { ...estimate, amount: step.amount } };
      const answer = await world.reserve({ ...more, dry_run: step.do === "dry_run" });
      const id = answer.body["reservation_id"];
      if (typeof id === "string") ids.push(id);
      return answer;
    }
    case "commit":
    case "release": {
      const id = ids[step.which] ?? "rsv_none";
      const body = step.do === "commit" ? { actual: { ...estimate, amount: step.amount } } : { reason: "law" };
      return world.acme.post(`/v1/reservations/${id}/${step.do}`, { idempotency_key: `k${step.key}`, ...body });
    }
    case "rotate":
      await world.evidence.rotateKey();
      return undefined;
    case "advance":
      world.clock.advance(step.ms);
      return undefined;
    default:
      return step satisfies never;
  }
}

describe("the law of evidence", () => {
  it("whatever is done in whatever order, every reference resolves to an authentic envelope that says what the answer said", async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const world = await new SigningWorld().open();
        await world.authority.budgets.create({ scope: { tenant: "acme" }, allocated: usdMicrocents(5n) });
        const ids: string[] = [];
        const answers: Answer[] = [];
        for (const one of steps) {
          const answer = await perform(world, one, ids);
          if (answer !== undefined) answers.push(answer);
        }
        for (const answer of answers) {
          const report = await world.verify(referenceOf(answer));
          expect(report).toMatchObject(authentic);
          const { payload, artifact_type: artifact = "error" } = report.envelope ?? {};
          seen.add(artifact);
          expect(artifact === "error").toBe(answer.status >= 400);
          expect(JSON.parse(plain(payload?.[artifact]?.response))).toEqual(JSON.parse(plain(attestedPartOf(answer))));
        }
      }),
      { numRuns: 40 },
    );
    expect([...seen].sort()).toEqual(["commit", "decide", "error", "release", "reserve"]);
  }, 60_000);
});

/** Amounts are bigints in one and numbers in the other. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? Number(member) : member));
}

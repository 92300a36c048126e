import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type CreateBudgetOptions, createBudget, denialOf, usd, withReservation } from "imprest";
import { sqliteStore } from "imprest/node";
import { describe, expect, it, onTestFinished } from "vitest";

const request = { estimate: usd("0.50"), action: { kind: "tool.search" } };

function create(options: Partial<CreateBudgetOptions> = {}) {
  const budget = createBudget({ limit: "$1.00", prices: {}, ...options });
  onTestFinished(() => budget.close());
  return budget;
}

describe("a call that costs more than was held, and more than is left", () => {
  it("stands in the books whole, and what remains is negative", async () => {
    const budget = create();
    const { settlement } = await withReservation(budget, request, () => 1, { spend: () => usd("8.00") });
    expect(settlement).toMatchObject({ status: "committed", charged: usd("8.00") });
    expect(settlement.uncovered).toBeUndefined();
    expect(await budget.balance()).toMatchObject({ spent: usd("8.00"), remaining: usd("-7.00") });
    await expect(withReservation(budget, request, () => expect.unreachable())).rejects.toThrow("Nothing was started");
  });

  it("counts in the budget of its part and in the whole", async () => {
    const budget = create();
    const writer = budget.for({ agent: "writer" }, { limit: "$0.60" });
    await withReservation(writer, request, () => 1, { spend: () => usd("0.90") });
    expect((await writer.balance()).remaining).toEqual(usd("-0.30"));
    expect((await budget.balance()).spent).toEqual(usd("0.90"));
  });
});

describe("the limit of a part", () => {
  it.each<object>([{}, { agent: undefined }, { tenant: "acme" }, { dimensions: { customer: "a" } }])(
    "is refused where %o names no part: it would be the limit of the whole",
    async (subject) => {
      const budget = create();
      expect(() => budget.for(subject, { limit: "$20.00" })).toThrow("the subject names none");
      await withReservation(budget, request, () => 1, { settle: "estimate" });
      expect((await budget.balance()).limit).toEqual(usd("1.00"));
    },
  );

  it.each<[unknown, string]>([
    [[], "named by a subject"],
    [null, "named by a subject"],
    [{ agent: 5 }, "agent of a subject is a text"],
    [{ agnet: "writer" }, "agnet is no level"],
  ])("is refused for %o, which is no subject", (subject, message) => {
    expect(() => create().for(subject as object, { limit: "$0.10" })).toThrow(message);
  });

  it("holds for its part and for the levels within it, and for nobody else", async () => {
    const name = fc.option(fc.constantFrom("a", "B", "b"), { nil: undefined });
    const subject = fc.record({ workspace: name, workflow: name, agent: name });
    await fc.assert(
      fc.asyncProperty(fc.array(subject, { maxLength: 5 }), subject, async (scopes, caller) => {
        const parts = scopes.filter((scope) => Object.values(scope).some((level) => level !== undefined));
        const budget = create({ waitMs: 0 });
        for (const part of parts) budget.for(part, { limit: "$0.10" });
        // Levels nest from the outside in: an agent within a workflow is another part than that agent alone.
        const pathOf = ({ workspace, workflow, agent }: typeof caller): string =>
          [workspace && `w:${workspace}/`, workflow && `f:${workflow}/`, agent && `a:${agent}/`].join("").toLowerCase();
        const isWithin = (part: typeof caller): boolean => pathOf(caller).startsWith(pathOf(part));
        const answer = await withReservation(budget.for(caller), request, () => "ran", { settle: "estimate" }).then(
          ({ value }) => value,
          (error: unknown) => denialOf(error)?.reasonCode,
        );
        expect(answer).toBe(parts.some(isWithin) ? "BUDGET_EXCEEDED" : "ran");
        expect((await budget.balance()).spent).toEqual(usd(answer === "ran" ? "0.50" : "0"));
      }),
      { numRuns: 60 },
    );
  });

  it.each([{ agent: "other" }, { agent: "shopper", tenant: "acme" }])(
    "holds for a request that names another part (%o): it is refused",
    async (subject) => {
      const budget = create();
      const shopper = budget.for({ tenant: "local", agent: "shopper" }, { limit: "$0.60" });
      const asked = withReservation(shopper, { ...request, subject }, () => expect.unreachable(), {
        settle: "estimate",
      });
      await expect(asked).rejects.toThrow("the request names");
      await withReservation(shopper, { ...request, subject: { agent: "Shopper" } }, () => 1, { settle: "estimate" });
      expect((await shopper.balance()).spent).toEqual(usd("0.50"));
    },
  );

  it("may be above that of the whole, which ends first", async () => {
    const budget = create();
    const writer = budget.for({ agent: "writer" }, { limit: "$20.00" });
    for (let call = 0; call < 2; call += 1) await withReservation(writer, request, () => 1, { settle: "estimate" });
    await expect(withReservation(writer, request, () => expect.unreachable())).rejects.toThrow("Nothing was started");
    expect(await writer.balance()).toMatchObject({ limit: usd("1.00"), remaining: usd("0") });
  });

  it("is in the unit of the whole, because no call would count in another", () => {
    expect(() => create().for({ agent: "writer" }, { limit: "TOKENS:3000" })).toThrow("kept in USD_MICROCENTS");
  });

  it("has no option that means nothing", () => {
    const misspelt = { limit: "$0.10", evry: "day" };
    expect(() => create().for({ agent: "writer" }, misspelt)).toThrow("There is no option evry");
  });
});

it("a store that holds the budget in another unit is refused before a call starts", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "imprest-")), "budget.sqlite");
  const first = createBudget({ limit: "$20.00", prices: {}, store: sqliteStore({ file }) });
  await first.balance();
  await withReservation(first, request, () => 1, { settle: "estimate" });
  await first.close();
  const second = create({ limit: "TOKENS:5000", store: sqliteStore({ file }) });
  await expect(withReservation(second, request, () => expect.unreachable())).rejects.toThrow("in USD_MICROCENTS");
});

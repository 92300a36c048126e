import { createManualClock } from "@imprest/testing";
import { expect, it } from "vitest";
import { BudgetBoard } from "../../src/cli/console/budget-board.ts";
import { rowOf } from "./support.ts";

const tenSeconds = 10_000;

it("keeps an hour of samples each ten seconds, and a day of one each five minutes", async () => {
  const clock = createManualClock();
  const board = new BudgetBoard(clock);
  for (let spent = 0; spent < 9_000; spent += 1) {
    board.change([rowOf("a", { spent: String(spent) })]);
    board.sample();
    await clock.advance(tenSeconds);
  }
  const hour = board.burn("a", "hour")?.points ?? [];
  expect([hour.length, hour[0]?.[1], hour.at(-1)?.[1]]).toEqual([361, "8640", "8999"]);
  const steps = hour.slice(1, -1).map(([atMs], at) => atMs - (hour[at]?.[0] ?? 0));
  expect(new Set(steps)).toEqual(new Set([tenSeconds]));
  const day = board.burn("a", "day")?.points ?? [];
  expect([day.length, day[0]?.[1], day[1]?.[1]]).toEqual([289, "360", "390"]);
}, 60_000);

it("estimates from the samples, at every moment anew", async () => {
  const clock = createManualClock();
  const board = new BudgetBoard(clock);
  board.change([rowOf("a")]);
  board.sample();
  await clock.advance(20_000);
  board.change([rowOf("a", { spent: "100", remaining: "900" })]);
  expect(board.list().rows[0]?.exhaustsAtMs).toBe(clock.now() + 180_000);
  await clock.advance(20_000);
  expect(board.list().rows[0]?.exhaustsAtMs).toBe(clock.now() + 360_000);
});

it("samples the 500 budgets that changed last, and shows 2,000", () => {
  const board = new BudgetBoard(createManualClock());
  board.replace(
    Array.from({ length: 2_000 }, (_, at) => rowOf(`b${at}`)),
    true,
  );
  board.change([rowOf("b7", { spent: "1" }), rowOf("new", { spent: "1" })]);
  board.sample();
  expect(board.list()).toMatchObject({ isCut: true });
  expect(board.list().rows).toHaveLength(2_000);
  expect(board.burn("b0", "hour")).toBeUndefined();
  const sampled = board.list().rows.filter(({ id }) => (board.burn(id, "hour")?.points.length ?? 0) > 1);
  expect(sampled).toHaveLength(500);
  expect(sampled.map(({ id }) => id)).toEqual(expect.arrayContaining(["b7", "new"]));
});

it("hands out a row once for each change of it, and forgets what a whole list does not have", () => {
  const board = new BudgetBoard(createManualClock());
  board.replace([rowOf("a"), rowOf("b")], false);
  expect(board.takeChanged().map(({ id }) => id)).toEqual(["a", "b"]);
  board.replace([rowOf("a"), rowOf("b", { spent: "1" })], false);
  expect(board.takeChanged().map(({ id }) => id)).toEqual(["b"]);
  expect(board.takeChanged()).toEqual([]);
  board.replace([rowOf("a")], false);
  expect(board.list().rows.map(({ id }) => id)).toEqual(["a"]);
});

it("names the budgets around a scope, most specific first, and no other's", () => {
  const board = new BudgetBoard(createManualClock());
  const scopes = ["tenant:acme", "tenant:acme/agent:a", "tenant:acme/agent:ab", "tenant:other"];
  board.change(scopes.map((scope) => rowOf(scope, { scope })));
  board.change([rowOf("other owner", { scope: "tenant:acme", tenant: "else" })]);
  const around = board.around("acme", "tenant:acme/agent:a", "TOKENS").map(({ id }) => id);
  expect(around).toEqual(["tenant:acme/agent:a", "tenant:acme"]);
  expect(board.around("acme", "tenant:acme", "USD_MICROCENTS")).toEqual([]);
});

it("takes no sample of what no wire can carry", () => {
  const board = new BudgetBoard(createManualClock());
  board.change([rowOf("a", { spent: String(1n << 64n) })]);
  board.sample();
  expect(board.burn("a", "hour")?.points).toHaveLength(1);
});

import { tokens } from "@imprest/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Fact } from "../../src/ledger/facts.ts";
import type { OveragePolicy } from "../../src/ledger/overage-policy.ts";
import { Ledger } from "../../src/ledger/ledger.ts";
import { LedgerRefusal } from "../../src/ledger/refusal.ts";
import { FakeClock } from "../support.ts";

// Issue 2 §4, the laws: whatever is done in whatever order, nothing is oversubscribed and nothing is lost.

type Step =
  | { readonly do: "reserve"; readonly who: number; readonly amount: number; readonly policy: OveragePolicy }
  | { readonly do: "commit" | "release" | "extend"; readonly which: number; readonly amount: number }
  | { readonly do: "event"; readonly who: number; readonly amount: number; readonly policy: OveragePolicy }
  | { readonly do: "advance"; readonly amount: number }
  | { readonly do: "fund" | "repay"; readonly who: number; readonly amount: number }
  | { readonly do: "replay"; readonly which: number };

/** Three subjects that share the budgets of the levels above them; the workspace has none. */
const subjects = [
  { tenant: "acme" },
  { tenant: "acme", workspace: "prod", agent: "a" },
  { tenant: "acme", workspace: "prod", agent: "b" },
] as const;
const budgets = [
  { scope: subjects[0], allocated: 2_000n, overdraft: 300n },
  { scope: subjects[1], allocated: 1_000n, overdraft: 0n },
  { scope: subjects[2], allocated: 1_500n, overdraft: 200n },
] as const;
const action = { kind: "test" };

const policy = fc.constantFrom<OveragePolicy>("REJECT", "ALLOW_IF_AVAILABLE", "ALLOW_WITH_OVERDRAFT");
const amount = fc.nat({ max: 400 });
const who = fc.nat({ max: 2 });
const which = fc.nat({ max: 1_000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("reserve" as const), who, amount, policy }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("commit" as const, "release", "extend"), which, amount }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("event" as const), who, amount, policy }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("advance" as const), amount: fc.nat({ max: 90_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("fund" as const, "repay"), who, amount }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("replay" as const), which }) },
);

/** A ledger beside a plain account of what it acknowledged. */
class Model {
  readonly clock = new FakeClock();
  readonly ledger = new Ledger({ clock: this.clock });
  readonly open: string[] = [];
  /** Every successful write, to be repeated, with its answer. */
  readonly done: { readonly repeat: () => unknown; readonly answer: string }[] = [];
  readonly charged = [0n, 0n, 0n];
  readonly funded = [0n, 0n, 0n];
  readonly held = new Map<string, { readonly who: number; readonly amount: bigint; readonly policy: OveragePolicy }>();
  /** The books of somebody who only listens: what facts say is held, and was charged. */
  readonly heard = { held: new Map<string, bigint>(), charged: 0n };
  steps = 0;

  constructor() {
    this.ledger.listen((fact) => this.#hear(fact));
    for (const { scope, allocated, overdraft } of budgets) {
      this.ledger.createBudget({ scope, allocated: tokens(allocated), overdraftLimit: tokens(overdraft) });
    }
  }

  take(step: Step): void {
    this.steps += 1;
    try {
      this.#perform(step);
    } catch (error) {
      if (!(error instanceof LedgerRefusal)) throw error;
    }
  }

  #perform(step: Step): void {
    const tenant = "acme";
    const idempotencyKey = `key-${this.steps}`;
    switch (step.do) {
      case "reserve": {
        const subject = subjects[step.who] ?? subjects[0];
        const estimate = tokens(step.amount);
        const request = { tenant, idempotencyKey, subject, action, estimate, overagePolicy: step.policy };
        const id = this.#note(() => {
          const outcome = this.ledger.reserve(request);
          return outcome.reservation?.id ?? "";
        });
        this.open.push(id);
        this.held.set(id, { who: step.who, amount: BigInt(step.amount), policy: step.policy });
        break;
      }
      case "commit": {
        const reservationId = this.#pick(step.which);
        const request = { tenant, reservationId, idempotencyKey, actual: tokens(step.amount) };
        const { charged } = this.#note(() => this.ledger.commit(request));
        const held = this.held.get(reservationId);
        if (held?.policy === "REJECT") expect(charged).toBeLessThanOrEqual(held.amount);
        this.#charge(held?.who ?? 0, charged);
        this.held.delete(reservationId);
        break;
      }
      case "release": {
        const reservationId = this.#pick(step.which);
        this.#note(() => this.ledger.release({ tenant, reservationId, idempotencyKey }));
        this.held.delete(reservationId);
        break;
      }
      case "extend": {
        const request = { tenant, reservationId: this.#pick(step.which), idempotencyKey, byMs: 1 + step.amount };
        this.#note(() => this.ledger.extend(request).expiresAtMs);
        break;
      }
      case "event": {
        const subject = subjects[step.who] ?? subjects[0];
        const request = { tenant, idempotencyKey, subject, action, actual: tokens(step.amount) };
        const { charged } = this.#note(() => this.ledger.recordEvent({ ...request, overagePolicy: step.policy }));
        this.#charge(step.who, charged);
        break;
      }
      case "advance":
        this.clock.advance(step.amount);
        for (const id of this.held.keys()) if (this.#status(id) === "EXPIRED") this.held.delete(id);
        break;
      case "fund":
      case "repay": {
        const scope = subjects[step.who] ?? subjects[0];
        if (step.do === "fund") this.ledger.fundBudget({ scope, amount: tokens(step.amount) });
        else this.ledger.repayDebt({ scope, amount: tokens(step.amount) });
        this.funded[step.who] = (this.funded[step.who] ?? 0n) + BigInt(step.amount);
        break;
      }
      case "replay": {
        const write = this.done[step.which % Math.max(1, this.done.length)];
        if (write !== undefined) expect(text(write.repeat())).toBe(write.answer);
      }
    }
  }

  #hear(fact: Fact): void {
    const { held } = this.heard;
    if (fact.kind === "reserved") {
      expect(held.has(fact.reservationId)).toBe(false);
      held.set(fact.reservationId, fact.reserved);
    } else if (fact.kind === "committed" || fact.kind === "released" || fact.kind === "expired") {
      expect(held.delete(fact.reservationId)).toBe(true);
    }
    if (fact.kind === "committed" || fact.kind === "recorded") this.heard.charged += fact.charged;
  }

  #note<Answer>(write: () => Answer): Answer {
    const answer = write();
    this.done.push({ repeat: write, answer: text(answer) });
    return answer;
  }

  #pick(which: number): string {
    return this.open[which % Math.max(1, this.open.length)] ?? "none";
  }

  #status(id: string): string {
    const page = this.ledger.listReservations({ tenant: "acme", limit: 200, status: "EXPIRED" });
    return page.rows.some((row) => row.id === id) ? "EXPIRED" : "";
  }

  /** A charge at an agent is one at the tenant too. */
  #charge(who: number, charged: bigint): void {
    for (const at of who === 0 ? [0] : [0, who]) this.charged[at] = (this.charged[at] ?? 0n) + charged;
  }

  check(): void {
    budgets.forEach(({ scope, allocated, overdraft }, at) => {
      const balance = this.ledger.getBudget({ scope, unit: "TOKENS" });
      const { spent, reserved, debt, remaining } = balance;
      expect(remaining).toBe(balance.allocated - spent - reserved - debt);
      expect(balance.allocated).toBe(allocated + (this.funded[at] ?? 0n));
      expect(reserved + spent).toBeLessThanOrEqual(balance.allocated);
      expect(debt).toBeLessThanOrEqual(overdraft);
      for (const part of [spent, reserved, debt]) expect(part).toBeGreaterThanOrEqual(0n);
      // Conservation: what was charged is spent or owed, what is active is reserved, and nothing else is.
      expect(spent + debt).toBe(this.charged[at]);
      const held = [...this.held.values()].filter(({ who: holder }) => at === 0 || holder === at);
      expect(reserved).toBe(held.reduce((sum, { amount }) => sum + amount, 0n));
    });
    // The tenant's budget holds and pays all of it.
    const heard = [...this.heard.held.values()];
    const { spent, reserved, debt } = this.ledger.getBudget({ scope: subjects[0], unit: "TOKENS" });
    expect(heard.reduce((sum, amount) => sum + amount, 0n)).toBe(reserved);
    expect(this.heard.charged).toBe(spent + debt);
  }
}

function text(answer: unknown): string {
  return JSON.stringify(answer, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}

describe("laws of the ledger", () => {
  it("hold after every one of at least 10,000 interleaved operations", () => {
    let operations = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 160 }), (steps) => {
        const model = new Model();
        for (const next of steps) {
          model.take(next);
          model.check();
        }
        operations += steps.length;
      }),
      { numRuns: 150 },
    );
    expect(operations).toBeGreaterThanOrEqual(10_000);
  });

  it("never oversubscribe: of concurrent requests for the same rest, exactly as many as fit are granted", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 3_000 }), (size, allocated) => {
        const ledger = new Ledger({ clock: new FakeClock() });
        ledger.createBudget({ scope: subjects[0], allocated: tokens(allocated) });
        let granted = 0;
        for (let at = 0; at < 200; at += 1) {
          const request = { tenant: "acme", idempotencyKey: `k${at}`, subject: subjects[1], action };
          try {
            ledger.reserve({ ...request, estimate: tokens(size) });
            granted += 1;
          } catch (error) {
            expect((error as LedgerRefusal).reason).toBe("BUDGET_EXCEEDED");
          }
        }
        expect(granted).toBe(Math.min(200, Math.floor(allocated / size)));
      }),
    );
  });
});

describe("a spend that no cap holds", () => {
  it("does not leave int64: it is refused, and nothing changes", () => {
    const ledger = new Ledger({ clock: new FakeClock() });
    const scope = { tenant: "acme" };
    ledger.createBudget({ scope, allocated: tokens(1) });
    const spend = (idempotencyKey: string, amount: bigint) =>
      ledger.recordEvent({
        tenant: "acme",
        subject: scope,
        action,
        idempotencyKey,
        actual: tokens(amount),
        overagePolicy: "CHARGE_OVERAGE",
      });
    spend("most", 9_223_372_036_854_775_806n);
    expect(() => spend("beyond", 2n)).toThrow(LedgerRefusal);
    expect(ledger.getBudget({ scope, unit: "TOKENS" }).spent).toBe(9_223_372_036_854_775_806n);
  });
});

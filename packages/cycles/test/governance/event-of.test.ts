import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ValidationError } from "@imprest/core";
import { parseJson } from "@imprest/core/internal";
import { eventDataByType } from "@imprest/core/models/cycles/governance";
import { type EmittedEvent, emittedEvent } from "@imprest/core/models/cycles";
import { eventOf, isKnownEventType } from "@imprest/cycles/governance";

function event(event_type: string, data?: Record<string, unknown>): EmittedEvent {
  const envelope = {
    event_id: "evt_1",
    category: "c",
    timestamp: "2026-01-31T00:00:00Z",
    tenant_id: "acme",
    source: "s",
  };
  return { ...envelope, event_type, data };
}

const specification = join(
  import.meta.dirname,
  "../../../../../shared/specs/cycles/cycles-governance-admin-v0.1.25.yaml",
);

function typesInSpecification(): string[] | undefined {
  try {
    const text = readFileSync(specification, "utf8");
    const list = text.slice(text.indexOf("\n    EventType:"), text.indexOf("\n    Event:\n"));
    return [...list.matchAll(/^ {8}- ([a-z_]+\.[a-z_]+)/gm)].map(([, name = ""]) => name);
  } catch {
    return undefined;
  }
}

describe("eventOf", () => {
  const listed = typesInSpecification();

  it.skipIf(listed === undefined)("knows every type that the specification lists, and the four of v0.1.26", () => {
    expect(listed).toHaveLength(51);
    const known = Object.keys(eventDataByType);
    expect(known.filter((type) => !listed?.includes(type)).toSorted()).toEqual([
      "quota.counter_reset",
      "quota.threshold_approaching",
      "reservation.observed_allowed",
      "reservation.observed_denied",
    ]);
    expect(listed?.filter((type) => !isKnownEventType(type))).toEqual([]);
  });

  it("gives the data of the asked type, exactly, with what this version does not know", () => {
    const read = emittedEvent.safeParse(
      parseJson(
        JSON.stringify(event("budget.exhausted", { remaining: "@max", utilization: 1, later: { a: 1 } })).replace(
          '"@max"',
          "9223372036854775807",
        ),
      ),
    );
    if (!read.success) throw new Error("unreachable");
    const exhausted = eventOf(read.data, "budget.exhausted");
    expect(exhausted?.data).toEqual({ remaining: 9223372036854775807n, utilization: 1, later: { a: 1 } });
    expect(eventOf(read.data, "budget.funded")).toBeUndefined();
  });

  it("reads nested states and deny details with their amounts", () => {
    const funded = event("budget.funded", {
      previous_state: { allocated: 5 },
      new_state: { allocated: 7, status: "ACTIVE" },
    });
    expect(eventOf(funded, "budget.funded")?.data.new_state).toEqual({ allocated: 7n, status: "ACTIVE" });
    const denied = event("reservation.observed_denied", {
      scope: "tenant:acme",
      observe_mode: "OBSERVE",
      deny_detail: { reason_code: "BUDGET_EXCEEDED", budget_remaining: -4 },
    });
    expect(eventOf(denied, "reservation.observed_denied")?.data.deny_detail.budget_remaining).toBe(-4n);
  });

  it("an unknown or custom type is an event all the same, of no type that could be asked for", () => {
    for (const type of ["custom.billing.invoice_sent", "budget.invented_later", "constructor", "__proto__"]) {
      expect(isKnownEventType(type)).toBe(false);
      expect(emittedEvent.safeParse(event(type, { anything: [1] })).success).toBe(true);
      expect(eventOf(event(type), "budget.funded")).toBeUndefined();
    }
  });

  it("refuses data that is not what the type says, and names the place", () => {
    expect(() => eventOf(event("budget.exhausted", { remaining: "none" }), "budget.exhausted")).toThrow(
      ValidationError,
    );
    expect(() => eventOf(event("quota.counter_reset", {}), "quota.counter_reset")).toThrow(/\/previous_used/);
    expect(eventOf(event("tenant.closed"), "tenant.closed")?.data).toEqual({});
  });
});

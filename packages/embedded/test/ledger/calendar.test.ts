import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CalendarUnit, calendarSpan, calendarUnits, canonicalTimeZone } from "../../src/ledger/calendar.ts";

const hourMs = 3_600_000;

/** Hours in the span of a unit at an instant. */
function hours(unit: CalendarUnit, timeZone: string, instant: string): number {
  const { startsAtMs, endsAtMs } = calendarSpan(unit, timeZone, Date.parse(instant));
  return (endsAtMs - startsAtMs) / hourMs;
}

function startOf(unit: CalendarUnit, timeZone: string, instant: string): string {
  return new Date(calendarSpan(unit, timeZone, Date.parse(instant)).startsAtMs).toISOString();
}

/** How a zone's clocks show an instant, by an Intl of this test's own. */
function shown(timeZone: string, ms: number): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(ms);
}

describe("a day of a time zone", () => {
  it("has 23 hours when Berlin's clocks go forward and 25 when they go back", () => {
    expect(hours("day", "Europe/Berlin", "2026-03-29T12:00:00Z")).toBe(23);
    expect(hours("day", "Europe/Berlin", "2026-10-25T12:00:00Z")).toBe(25);
    expect(hours("day", "Europe/Berlin", "2026-10-26T12:00:00Z")).toBe(24);
  });

  it("has 23 hours when New York's clocks go forward and 25 when they go back", () => {
    expect(hours("day", "America/New_York", "2026-03-08T12:00:00Z")).toBe(23);
    expect(hours("day", "America/New_York", "2026-11-01T12:00:00Z")).toBe(25);
  });

  it("begins when the clocks leap beyond a midnight that does not exist", () => {
    // Cairo, 24 April 2026: 00:00 does not exist, the day begins at 01:00 (UTC+3).
    expect(startOf("day", "Africa/Cairo", "2026-04-24T12:00:00Z")).toBe("2026-04-23T22:00:00.000Z");
    expect(hours("day", "Africa/Cairo", "2026-04-24T12:00:00Z")).toBe(23);
  });

  it("is left out where a zone crosses the date line", () => {
    // Samoa had no 30 December 2011.
    const before = calendarSpan("day", "Pacific/Apia", Date.parse("2011-12-30T09:00:00Z"));
    expect(shown("Pacific/Apia", before.startsAtMs)).toBe("2011-12-29 00:00:00");
    expect(shown("Pacific/Apia", before.endsAtMs)).toBe("2011-12-31 00:00:00");
    expect(before.endsAtMs - before.startsAtMs).toBe(24 * hourMs);
    expect(calendarSpan("day", "Pacific/Apia", before.endsAtMs).startsAtMs).toBe(before.endsAtMs);
  });
});

describe("other units", () => {
  it("give February 29 days in a leap year", () => {
    expect(hours("month", "UTC", "2028-02-29T23:59:59.999Z")).toBe(29 * 24);
    expect(hours("month", "UTC", "2100-02-28T00:00:00Z")).toBe(28 * 24);
    expect(startOf("day", "Europe/Berlin", "2028-02-29T12:00:00Z")).toBe("2028-02-28T23:00:00.000Z");
  });

  it("begin a week on Monday, by the zone's clocks", () => {
    // Monday in Auckland is still Sunday in UTC.
    expect(startOf("week", "Pacific/Auckland", "2026-11-30T00:00:00Z")).toBe("2026-11-29T11:00:00.000Z");
    expect(startOf("week", "UTC", "2026-11-29T23:59:59Z")).toBe("2026-11-23T00:00:00.000Z");
  });

  it("begin hours where the zone's clocks show a full hour, and end one early at a change of half an hour", () => {
    expect(startOf("hour", "Asia/Kathmandu", "2026-11-28T19:30:00Z")).toBe("2026-11-28T19:15:00.000Z");
    // Lord Howe, 5 April 2026, 15:00Z: 02:00 becomes 01:30.
    const before = calendarSpan("hour", "Australia/Lord_Howe", Date.parse("2026-04-04T14:45:00Z"));
    const after = calendarSpan("hour", "Australia/Lord_Howe", before.endsAtMs);
    expect(after.startsAtMs).toBe(before.endsAtMs);
    expect((after.endsAtMs - before.startsAtMs) / hourMs).toBe(1.5);
  });

  it("refuse a zone that does not exist", () => {
    expect(() => canonicalTimeZone("Europe/Berlinn")).toThrow('"Europe/Berlinn" is no time zone');
  });
});

describe("calendar spans, at any instant of any of these zones", () => {
  const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo"];
  const instant = fc.integer({ min: Date.parse("1995-01-01T00:00:00Z"), max: Date.parse("2037-12-31T00:00:00Z") });

  it("hold the instant, and follow each other without a gap", () => {
    fc.assert(
      fc.property(fc.constantFrom(...calendarUnits), fc.constantFrom(...zones), instant, (unit, zone, at) => {
        let span = calendarSpan(unit, zone, at);
        expect(span.startsAtMs).toBeLessThanOrEqual(at);
        expect(span.endsAtMs).toBeGreaterThan(at);
        for (let step = 0; step < 5; step += 1) {
          const next = calendarSpan(unit, zone, span.endsAtMs);
          expect(next.startsAtMs).toBe(span.endsAtMs);
          expect(next.endsAtMs).toBeGreaterThan(next.startsAtMs);
          span = next;
        }
      }),
      { numRuns: 400 },
    );
  });

  it("begin days, weeks and months at midnight in zones whose clocks change at another hour", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<CalendarUnit>("day", "week", "month"),
        fc.constantFrom("Europe/Berlin", "America/New_York"),
        instant,
        (unit, zone, at) => {
          const { startsAtMs, endsAtMs } = calendarSpan(unit, zone, at);
          expect(shown(zone, startsAtMs)).toMatch(unit === "month" ? /-01 00:00:00$/ : / 00:00:00$/);
          expect(shown(zone, endsAtMs - 1).slice(0, 10) < shown(zone, endsAtMs).slice(0, 10)).toBe(true);
          if (unit === "day") expect(shown(zone, endsAtMs - 1).slice(0, 10)).toBe(shown(zone, at).slice(0, 10));
        },
      ),
      { numRuns: 400 },
    );
  });
});

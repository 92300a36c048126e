import { LedgerRefusal } from "./refusal.ts";

/** What a calendar is divided into; a week begins on Monday (ISO 8601). */
export type CalendarUnit = "hour" | "day" | "week" | "month";

export const calendarUnits: readonly CalendarUnit[] = ["hour", "day", "week", "month"];

/** From `startsAtMs` to before `endsAtMs`, epoch milliseconds. */
export interface Span {
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** One formatter a zone: making one costs a hundred times what asking it does. The zones are the operator's own. */
const formatters = new Map<string, Intl.DateTimeFormat>();

/** The spans of one calendar that were asked for, by their start: its budgets all ask for the same ones. */
interface KnownSpans {
  last: Span;
  readonly byStart: Map<number, Span>;
}

const calendars = new Map<string, KnownSpans>();
const mostKnown = 10_000;

/** The zone's name as the platform writes it. @throws LedgerRefusal INVALID_REQUEST for a zone that it does not know. */
export function canonicalTimeZone(timeZone: string): string {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone }).resolvedOptions().timeZone;
  } catch {
    throw new LedgerRefusal("INVALID_REQUEST", `"${timeZone}" is no time zone; write one as "Europe/Berlin" or "UTC".`);
  }
}

/**
 * The hour, day, week or month that an instant lies in, by the clocks of a time zone. A day that a change of the clocks
 * shortens or lengthens is one span all the same, and spans follow each other without a gap: `calendarSpan` at the end of
 * one starts there.
 */
export function calendarSpan(unit: CalendarUnit, timeZone: string, atMs: number): Span {
  const key = `${unit} ${timeZone}`;
  const known = calendars.get(key);
  if (known !== undefined && atMs >= known.last.startsAtMs && atMs < known.last.endsAtMs) return known.last;
  const span = known?.byStart.get(atMs) ?? (unit === "hour" ? hourAt(timeZone, atMs) : daysAt(unit, timeZone, atMs));
  const byStart = known === undefined || known.byStart.size >= mostKnown ? new Map<number, Span>() : known.byStart;
  calendars.set(key, { last: span, byStart: byStart.set(span.startsAtMs, span) });
  return span;
}

function daysAt(unit: Exclude<CalendarUnit, "hour">, timeZone: string, atMs: number): Span {
  let local = firstDay[unit](atMs + offsetAt(timeZone, atMs));
  let startsAtMs = instantOf(timeZone, local);
  for (;;) {
    local = followingDay[unit](local);
    const endsAtMs = instantOf(timeZone, local);
    if (endsAtMs > atMs) return { startsAtMs, endsAtMs };
    // A zone crossed the date line and left a day out, or a midnight came twice.
    startsAtMs = endsAtMs;
  }
}

// Local times are written as if they were UTC, so that the platform's own calendar counts the days.

const startOfDay = (local: number): number => Math.floor(local / dayMs) * dayMs;

const firstDay = {
  day: startOfDay,
  week: (local: number): number => startOfDay(local) - ((new Date(local).getUTCDay() + 6) % 7) * dayMs,
  month: (local: number): number => Date.UTC(new Date(local).getUTCFullYear(), new Date(local).getUTCMonth(), 1),
};

const followingDay = {
  day: (local: number): number => local + dayMs,
  week: (local: number): number => local + 7 * dayMs,
  month: (local: number): number => Date.UTC(new Date(local).getUTCFullYear(), new Date(local).getUTCMonth() + 1, 1),
};

/** From one full hour of the zone's clocks to the next; cut short where a change of less than an hour comes between. */
function hourAt(timeZone: string, atMs: number): Span {
  const isFull = (ms: number): boolean => modulo(ms + offsetAt(timeZone, ms), hourMs) === 0;
  const start = atMs - modulo(atMs + offsetAt(timeZone, atMs), hourMs);
  const end = start + hourMs;
  return {
    startsAtMs: isFull(start) ? start : changeBetween(timeZone, start, atMs),
    endsAtMs: isFull(end) ? end : changeBetween(timeZone, atMs, end),
  };
}

/** The first instant at which the zone's clocks show `local` or, where they leave it out, the instant they leap beyond. */
function instantOf(timeZone: string, local: number): number {
  const before = local - offsetAt(timeZone, local - dayMs);
  const after = local - offsetAt(timeZone, local + dayMs);
  const shown = [before, after].filter((ms) => ms + offsetAt(timeZone, ms) === local);
  return shown.length > 0 ? Math.min(...shown) : changeBetween(timeZone, after, before);
}

/** The first instant after `fromMs`, and not after `toMs`, at which the offset is no longer that of `fromMs`. */
function changeBetween(timeZone: string, fromMs: number, toMs: number): number {
  const offset = offsetAt(timeZone, fromMs);
  let unchanged = fromMs;
  let changed = toMs;
  while (changed - unchanged > 1) {
    const middle = Math.floor((unchanged + changed) / 2);
    if (offsetAt(timeZone, middle) === offset) unchanged = middle;
    else changed = middle;
  }
  return changed;
}

/** How far the zone's clocks are ahead of UTC, in milliseconds. */
function offsetAt(timeZone: string, atMs: number): number {
  if (timeZone === "UTC") return 0;
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(timeZone, formatter);
  }
  const shown: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatter.formatToParts(atMs)) shown[type] = Number(value);
  const { year = 0, month = 1, day, hour, minute, second } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

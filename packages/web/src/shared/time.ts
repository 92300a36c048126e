const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** `14:03:27`; with the day before it where that is not the day of `nowMs`. A time that no calendar holds is `–`. */
export function timeText(atMs: number, nowMs: number): string {
  if (!isDate(atMs)) return "–";
  const time = clock.format(atMs);
  return isDate(nowMs) && day.format(atMs) === day.format(nowMs) ? time : `${day.format(atMs)} ${time}`;
}

/** The two largest units of a duration: `8 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (!Number.isFinite(seconds)) return "–";
  const [d, h, min, s] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const parts = [`${d} d`, `${h} h`, `${min} min`, `${s} s`];
  const first = [d, h, min].findIndex((part) => part > 0);
  if (first === -1) return `${s} s`;
  return parts
    .slice(first, first + 2)
    .filter((part) => !part.startsWith("0 "))
    .join(" ");
}

/** For `<time datetime>`; none for a time that no calendar holds. */
export function machineTime(atMs: number): string | undefined {
  return isDate(atMs) ? new Date(atMs).toISOString() : undefined;
}

function isDate(atMs: number): boolean {
  return Math.abs(atMs) <= 8.64e15;
}

/** A short span, exact to what is measured: `380 ms`, `1.2 s`, then as `durationText`. */
export function spanText(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : durationText(ms);
}

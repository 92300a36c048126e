/** When a counter begins anew: with a run, with a UTC minute, hour or day, or with a day of the whole tenant. */
export type QuotaWindow =
  | "per_run"
  | "per_minute_tumbling"
  | "per_hour_tumbling"
  | "per_day_tumbling"
  | "per_tenant_per_day";

export const quotaWindows: readonly QuotaWindow[] = [
  "per_run",
  "per_minute_tumbling",
  "per_hour_tumbling",
  "per_day_tumbling",
  "per_tenant_per_day",
];

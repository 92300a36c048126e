import type { BudgetRow } from "imprest/internal";
import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { moneyText } from "../shared/money.ts";
import { durationText, timeText } from "../shared/time.ts";
import { BurnChart } from "./burn-chart.tsx";
import type { ConsoleStore } from "./store.ts";

interface BudgetDetailProps {
  readonly budget: BudgetRow;
  readonly store: ConsoleStore;
}

/** One budget in full: its burn lines of the last hour and day, and every figure. */
export function BudgetDetail({ budget, store }: BudgetDetailProps): JSX.Element {
  const { scope, tenant, unit, overdraftLimit, status, period } = budget;
  const nowMs = store.nowMs.value;
  return (
    <div class="budget-detail">
      <BurnChart budget={budget} store={store} span="hour" />
      <BurnChart budget={budget} store={store} span="day" />
      <dl class="facts">
        <dt>Scope</dt>
        <dd>
          <Foreign text={scope} most={300} mono />
        </dd>
        <dt>Tenant</dt>
        <dd>
          <Foreign text={tenant} />
        </dd>
        <dt>Unit</dt>
        <dd>
          <Foreign text={unit} />
        </dd>
        {status !== undefined && (
          <>
            <dt>Status</dt>
            <dd>
              <Foreign text={status} />
            </dd>
          </>
        )}
        {overdraftLimit !== undefined && overdraftLimit !== "0" && (
          <>
            <dt>Overdraft</dt>
            <dd>up to {moneyText(overdraftLimit, unit)}</dd>
          </>
        )}
        {period !== undefined && (
          <>
            <dt>Period</dt>
            <dd>
              {timeText(period.startsAtMs, nowMs)} to {timeText(period.endsAtMs, nowMs)},{" "}
              {durationText(period.endsAtMs - nowMs)} left
            </dd>
          </>
        )}
      </dl>
    </div>
  );
}

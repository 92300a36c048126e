import { type BudgetRow, isUsedUp } from "imprest/internal";
import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { Icon } from "../shared/icon.tsx";
import { moneyText, share } from "../shared/money.ts";
import { durationText, timeText } from "../shared/time.ts";
import { BudgetDetail } from "./budget-detail.tsx";
import type { TreeRow } from "./budget-tree.ts";
import { isSoon } from "./soon.ts";
import type { ConsoleStore } from "./store.ts";

interface BudgetLineProps {
  readonly row: TreeRow;
  readonly store: ConsoleStore;
  readonly hasDebt: boolean;
  readonly isOpen: boolean;
  readonly onToggle: (id: string) => void;
}

/** A budget in the tree, and under it what it is made of where it is open. */
export function BudgetLine({ row, store, hasDebt, isOpen, onToggle }: BudgetLineProps): JSX.Element {
  const { budget, depth, name } = row;
  const { id, unit, allocated, spent, reserved, debt, remaining, period } = budget;
  const nowMs = store.nowMs.value;
  return (
    <>
      <tr class={isOpen ? "chosen" : undefined}>
        <td class="scope">
          <button
            type="button"
            class={`opener depth-${Math.min(depth, 5)}`}
            aria-expanded={isOpen}
            title={name === budget.scope ? undefined : budget.scope.slice(0, 300)}
            onClick={() => onToggle(id)}
          >
            <Icon name="open" />
            <span>
              {depth > 0 && <span class="hidden-text">level {depth + 1}, </span>}
              <Foreign text={name} most={100} />
            </span>
          </button>
          <State budget={budget} />
        </td>
        <td class="used">
          <UsedBar budget={budget} />
        </td>
        <td data-label="Spent" class="number">
          <span>{moneyText(spent, unit)}</span>
        </td>
        <td data-label="Held" class="number">
          <span>{moneyText(reserved, unit)}</span>
        </td>
        {hasDebt && (
          <td data-label="Debt" class="number">
            <span>{moneyText(debt, unit)}</span>
          </td>
        )}
        <td data-label="Left" class="number">
          <strong>{moneyText(remaining, unit)}</strong>
        </td>
        <td data-label="Allocated" class="number">
          <span>{moneyText(allocated, unit)}</span>
        </td>
        <td data-label="Runs out">
          <RunsOut budget={budget} nowMs={nowMs} />
        </td>
        <td data-label="Period ends">
          {period === undefined ? (
            <span class="muted">no period</span>
          ) : (
            <span title={timeText(period.endsAtMs, nowMs)}>in {durationText(period.endsAtMs - nowMs)}</span>
          )}
        </td>
      </tr>
      {isOpen && (
        <tr class="detail">
          <td colSpan={hasDebt ? 9 : 8}>
            <BudgetDetail budget={budget} store={store} />
          </td>
        </tr>
      )}
    </>
  );
}

/** What is unusual about a budget; nothing for one in use. */
function State({ budget: { status, isOverLimit } }: { readonly budget: BudgetRow }): JSX.Element | null {
  if (isOverLimit) {
    return (
      <span class="chip bad">
        <Icon name="warn" /> Over limit
      </span>
    );
  }
  if (status === undefined || status === "ACTIVE") return null;
  return (
    <span class="chip warn">
      <Icon name="hold" /> <Foreign text={status} most={30} />
    </span>
  );
}

function RunsOut({ budget, nowMs }: { readonly budget: BudgetRow; readonly nowMs: number }): JSX.Element {
  const { exhaustsAtMs } = budget;
  if (isUsedUp(budget)) {
    return (
      <span class="bad">
        <Icon name="bad" /> used up
      </span>
    );
  }
  if (exhaustsAtMs === undefined) return <span class="muted">not at this rate</span>;
  const leftMs = exhaustsAtMs - nowMs;
  return (
    <span class={isSoon(exhaustsAtMs, nowMs) ? "warn" : undefined} title={timeText(exhaustsAtMs, nowMs)}>
      {isSoon(exhaustsAtMs, nowMs) && <Icon name="warn" />} {leftMs < 1_000 ? "now" : `in ${durationText(leftMs)}`}
    </span>
  );
}

/** Spent, debt and held as parts of what is allocated; the figures stand beside it. */
export function UsedBar({ budget }: { readonly budget: BudgetRow }): JSX.Element {
  const { allocated, spent, debt, reserved } = budget;
  const parts = [
    ["spent", share(spent, allocated)],
    ["debt", share(debt, allocated)],
    ["held", share(reserved, allocated)],
  ] as const;
  const used = Math.min(
    1,
    parts.reduce((sum, [, part]) => sum + part, 0),
  );
  return (
    <span class="used-bar">
      <span class="track" aria-hidden="true">
        {parts.map(([name, part]) => (
          <span key={name} class={name} style={{ width: `${part * 100}%` }} />
        ))}
      </span>
      <span class="percent">{Math.round(used * 100)} %</span>
    </span>
  );
}

import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Blank } from "../shared/shell.tsx";
import { BudgetLine } from "./budget-line.tsx";
import { budgetTree } from "./budget-tree.ts";
import type { StoreProps } from "./store-props.ts";
import { go, route } from "./route.ts";
import { type Column, TableView } from "./table-view.tsx";

const step = 200;
const columns: readonly Column[] = [
  { title: "Budget" },
  { title: "Used" },
  { title: "Spent", isNumber: true },
  { title: "Held", isNumber: true },
  { title: "Debt", isNumber: true },
  { title: "Left", isNumber: true },
  { title: "Allocated", isNumber: true },
  { title: "Runs out" },
  { title: "Period ends" },
];

/** The tree of budgets, what runs out first above; one of them is open, with its burn lines. */
export function BudgetsView({ store }: StoreProps): JSX.Element {
  const filter = useSignal("");
  const shown = useSignal(step);
  const rows = useComputed(() => {
    const wanted = filter.value.trim().toLowerCase();
    const all = budgetTree([...store.budgets.value.values()]);
    return wanted === ""
      ? all
      : all.filter(({ budget }) => `${budget.scope} ${budget.unit}`.toLowerCase().includes(wanted));
  });
  // Where there is room, the one that runs out next is open until another is chosen. It is known once there is a rate.
  const first = useSignal(
    matchMedia("(min-width: 761px)").matches ? (store.next.peek()?.id ?? rows.peek()[0]?.budget.id) : undefined,
  );
  const isSettled = useRef(store.next.peek() !== undefined);
  useSignalEffect(() => {
    const next = store.next.value;
    if (next === undefined || isSettled.current) return;
    isSettled.current = true;
    if (first.peek() !== undefined) first.value = next.id;
  });
  const open = route.value.id ?? first.value;
  const toggle = (id: string): void => {
    first.value = undefined;
    go(open === id ? { view: "budgets" } : { view: "budgets", id });
  };
  if (store.budgets.value.size === 0) {
    return (
      <div class="panel">
        <Blank title="There is no budget yet">
          <p>A budget appears here as soon as the authority has one, with what is spent and held of it.</p>
        </Blank>
      </div>
    );
  }
  const hasDebt = rows.value.some(({ budget }) => budget.debt !== "0");
  return (
    <TableView
      name="budgets"
      caption="Budgets, what runs out first above"
      noun="budget"
      columns={columns.filter(({ title }) => title !== "Debt" || hasDebt)}
      filter={filter}
      items={rows.value}
      shown={shown}
      step={step}
      row={(row) => (
        <BudgetLine
          key={row.budget.id}
          row={row}
          store={store}
          hasDebt={hasDebt}
          isOpen={row.budget.id === open}
          onToggle={toggle}
        />
      )}
      onKeyDown={goByArrows}
    >
      {store.budgetsAreCut.value && <p class="bar muted">The authority has more budgets than the console shows.</p>}
    </TableView>
  );
}

/** Up and down go from one budget's button to the next. */
function goByArrows(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const { currentTarget, target } = event;
  if (!(currentTarget instanceof Element) || !(target instanceof HTMLButtonElement)) return;
  const buttons = [...currentTarget.querySelectorAll<HTMLButtonElement>("button.opener")];
  const at = buttons.indexOf(target);
  const next = buttons[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at === -1 || next === undefined) return;
  event.preventDefault();
  next.focus();
}

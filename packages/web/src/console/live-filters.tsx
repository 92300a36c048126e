import { type Signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { ActivityKind } from "imprest/internal";
import type { ComponentChildren, JSX } from "preact";
import { shortened, visible } from "../shared/text.ts";
import { kindWords } from "./activity-cells.tsx";
import { FilterField } from "./filter-field.tsx";
import { type LiveFilter, choicesOf, everything } from "./live-filter.ts";
import type { ConsoleStore } from "./store.ts";

interface LiveFiltersProps {
  readonly filter: Signal<LiveFilter>;
  readonly store: ConsoleStore;
  readonly children: ComponentChildren;
}

/** Narrows the list of events by what was decided, by whom, and by the model. */
export function LiveFilters({ filter, store, children }: LiveFiltersProps): JSX.Element {
  const text = useSignal(filter.peek().text);
  useSignalEffect(() => {
    if (text.value !== filter.peek().text) set({ text: text.value });
  });
  const choices = useComputed(() => choicesOf(store.activities()));
  const set = (change: Partial<LiveFilter>): void => {
    const next = { ...filter.peek(), ...change };
    const isAll = Object.values(next).every((value) => value === "");
    filter.value = isAll ? everything : next;
  };
  const { kind, tenant, agent, model } = filter.value;
  return (
    <div class="bar">
      <FilterField value={text} label="Find an event" />
      <Choice
        label="Event"
        value={kind}
        choices={Object.entries(kindWords)}
        onChoose={(value) => set({ kind: value as ActivityKind | "" })}
      />
      <Choice
        label="Tenant"
        value={tenant}
        choices={same(choices.value.tenant)}
        onChoose={(value) => set({ tenant: value })}
      />
      <Choice
        label="Agent"
        value={agent}
        choices={same(choices.value.agent)}
        onChoose={(value) => set({ agent: value })}
      />
      <Choice
        label="Model"
        value={model}
        choices={same(choices.value.model)}
        onChoose={(value) => set({ model: value })}
      />
      {children}
    </div>
  );
}

type Pairs = readonly (readonly [value: string, word: string])[];

const same = (values: readonly string[]): Pairs => values.map((value) => [value, value]);

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly choices: Pairs;
  readonly onChoose: (value: string) => void;
}

function Choice({ label, value, choices, onChoose }: ChoiceProps): JSX.Element {
  const isGone = value !== "" && !choices.some(([one]) => one === value);
  return (
    <label class="field">
      {label}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        <option value="">All</option>
        {[...choices, ...(isGone ? same([value]) : [])].map(([one, word]) => (
          <option key={one} value={one}>
            {shortened(visible(word), 50)}
          </option>
        ))}
      </select>
    </label>
  );
}

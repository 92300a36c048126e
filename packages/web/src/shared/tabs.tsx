import type { ComponentChildren, JSX } from "preact";

interface TabsProps<Name extends string> {
  readonly label: string;
  readonly tabs: readonly { readonly name: Name; readonly title: string; readonly count?: ComponentChildren }[];
  readonly chosen: Name;
  readonly onChoose: (name: Name) => void;
}

/** A list of tabs: arrow keys, Home and End go between them, and what is reached is chosen. */
export function Tabs<Name extends string>({ label, tabs, chosen, onChoose }: TabsProps<Name>): JSX.Element {
  const go = (event: KeyboardEvent): void => {
    const at = tabs.findIndex(({ name }) => name === chosen);
    const steps: Readonly<Record<string, number>> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 };
    const step = steps[event.key];
    const target = step === undefined ? undefined : tabs.at(step % tabs.length);
    if (target === undefined) return;
    event.preventDefault();
    onChoose(target.name);
    document.getElementById(`tab-${target.name}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={go}>
      {tabs.map(({ name, title, count }) => (
        <button
          type="button"
          key={name}
          id={`tab-${name}`}
          class="tab"
          role="tab"
          aria-selected={name === chosen}
          aria-controls="view"
          tabIndex={name === chosen ? 0 : -1}
          onClick={() => onChoose(name)}
        >
          {title}
          {count}
        </button>
      ))}
    </div>
  );
}

/** What the chosen tab shows. */
export function TabPanel({ of, children }: { readonly of: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div id="view" role="tabpanel" aria-labelledby={`tab-${of}`}>
      {children}
    </div>
  );
}

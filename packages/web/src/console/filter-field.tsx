import type { Signal } from "@preact/signals";
import type { JSX } from "preact";

interface FilterFieldProps {
  readonly value: Signal<string>;
  readonly label: string;
}

/** The text filter of a view: `/` goes to it, Esc empties it. */
export function FilterField({ value, label }: FilterFieldProps): JSX.Element {
  return (
    <label class="field grow">
      {label}
      <input
        type="search"
        data-filter
        maxLength={200}
        placeholder="Press / to filter"
        aria-keyshortcuts="/"
        autoComplete="off"
        spellcheck={false}
        value={value.value}
        onInput={(event) => (value.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.stopPropagation();
          value.value = "";
        }}
      />
    </label>
  );
}

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";

interface MoreButtonProps {
  readonly shown: Signal<number>;
  readonly of: number;
  readonly step: number;
}

/** Under a list that shows its first rows alone. */
export function MoreButton({ shown, of, step }: MoreButtonProps): JSX.Element | null {
  const left = of - shown.value;
  if (left <= 0) return null;
  return (
    <div class="bar">
      <button type="button" class="button" onClick={() => (shown.value += step)}>
        Show {Math.min(step, left)} more of {of}
      </button>
    </div>
  );
}

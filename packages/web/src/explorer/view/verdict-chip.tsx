import type { JSX } from "preact";
import { Icon } from "../../shared/icon.tsx";
import type { Row } from "../audit/messages.ts";
import { verdictOf } from "../words.ts";

export function VerdictChip({ row }: { readonly row: Row }): JSX.Element {
  const { word, tone, icon } = verdictOf(row);
  return (
    <span class={`chip ${tone}`}>
      <Icon name={icon} /> {word}
    </span>
  );
}

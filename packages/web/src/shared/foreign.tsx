import type { JSX } from "preact";
import { shortened, visible } from "./text.ts";

interface ForeignProps {
  readonly text: string;
  /** The most characters that are shown; more of it is in the tooltip, up to a bound. Default: 120. */
  readonly most?: number;
  readonly mono?: boolean;
}

/** Another party's words: as text, isolated from the direction of what surrounds them, with nothing in them invisible. */
export function Foreign({ text, most = 120, mono = false }: ForeignProps): JSX.Element {
  const shown = shortened(visible(text), most);
  const isCut = text.length > most;
  return (
    <bdi class={mono ? "mono" : undefined} title={isCut ? shortened(visible(text), 1_000) : undefined}>
      {shown}
    </bdi>
  );
}

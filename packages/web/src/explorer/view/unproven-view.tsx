import type { JSX } from "preact";
import { Icon } from "../../shared/icon.tsx";

/** What the statements leave open, however clean they are. */
export function UnprovenView({ unproven }: { readonly unproven: readonly string[] }): JSX.Element {
  return (
    <section class="panel padded">
      <h2>What this does not prove</h2>
      <ul class="unproven">
        {unproven.map((message) => (
          <li key={message}>
            <Icon name="info" /> <span>{message}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

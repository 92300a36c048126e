import type { JSX } from "preact";
import { Foreign } from "../../shared/foreign.tsx";
import { Icon } from "../../shared/icon.tsx";
import type { ShownFinding } from "../audit/messages.ts";
import type { ExplorerStore } from "../store.ts";

interface FindingItemProps {
  readonly finding: ShownFinding;
  /** Given where the line is not on the screen already. */
  readonly store?: ExplorerStore;
}

export function FindingItem({ finding, store }: FindingItemProps): JSX.Element {
  const { severity, code, message, pointer, line } = finding;
  const isError = severity === "error";
  return (
    <li class="finding">
      <span class={isError ? "bad" : "warn"}>
        <Icon name={isError ? "bad" : "warn"} /> <span class="hidden-text">{isError ? "Error: " : "Warning: "}</span>
        <Foreign text={code} most={60} mono />
      </span>{" "}
      <Foreign text={message} most={400} />
      {pointer !== undefined && pointer !== "" && (
        <span class="muted">
          {" "}
          at <Foreign text={pointer} most={120} mono />
        </span>
      )}{" "}
      {store !== undefined && line !== undefined && (
        <button type="button" class="link" onClick={() => void store.openLine(line)}>
          line {line}
        </button>
      )}
    </li>
  );
}

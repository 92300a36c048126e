import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { Notice } from "../shared/shell.tsx";
import { timeText } from "../shared/time.ts";
import type { StoreProps } from "./store-props.ts";

/** What makes the page wrong or old, above everything that it says. */
export function Notices({ store }: StoreProps): JSX.Element | null {
  const link = store.link.value;
  const upstream = store.upstream.value;
  if (link.kind === "ended") {
    return (
      <Notice tone="bad">
        <strong>This page has ended.</strong> The command behind it was stopped, or was started again. Run it again and
        open the link that it prints; what is below is what was seen last.
      </Notice>
    );
  }
  if (link.kind === "lost") {
    return (
      <Notice tone="bad">
        <strong>Disconnected since {timeText(link.sinceMs, link.sinceMs)}.</strong> The command behind this page does
        not answer. What is below is as it was then; the page goes on by itself once the command answers.
      </Notice>
    );
  }
  if (upstream.ok) return null;
  return (
    <Notice tone="warn">
      <strong>The authority cannot be read</strong>
      {upstream.message !== undefined && (
        <>
          : <Foreign text={upstream.message} most={300} />
        </>
      )}
      {upstream.lastOkAtMs === undefined
        ? " It has not answered yet."
        : ` What is below is as it was at ${timeText(upstream.lastOkAtMs, store.nowMs.peek())}.`}
    </Notice>
  );
}

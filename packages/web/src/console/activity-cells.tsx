import type { Activity, ActivityKind } from "imprest/internal";
import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { type IconName, Icon } from "../shared/icon.tsx";
import { moneyText } from "../shared/money.ts";
import { machineTime, timeText } from "../shared/time.ts";

export const kindWords: Readonly<Record<ActivityKind, string>> = {
  reserved: "Reserved",
  extended: "Extended",
  committed: "Committed",
  released: "Released",
  expired: "Expired",
  recorded: "Recorded",
  denied: "Denied",
};

const icons: Readonly<Record<ActivityKind, IconName>> = {
  reserved: "hold",
  extended: "clock",
  committed: "good",
  released: "open",
  expired: "warn",
  recorded: "plus",
  denied: "bad",
};

const tones: Readonly<Partial<Record<ActivityKind, string>>> = {
  committed: "good",
  recorded: "good",
  expired: "warn",
  denied: "bad",
};

/** The word of an event, and a picture of its own. */
export function Kind({ kind }: { readonly kind: ActivityKind }): JSX.Element {
  return (
    <span class={`chip ${tones[kind] ?? ""}`}>
      <Icon name={icons[kind] ?? "info"} /> {kindWords[kind] ?? <Foreign text={kind} most={20} />}
    </span>
  );
}

interface ActivityCellsProps {
  readonly activity: Activity;
  readonly nowMs: number;
}

/** One event as the cells of a row. */
export function ActivityCells({ activity, nowMs }: ActivityCellsProps): JSX.Element {
  const { atMs, kind, tenant, scope, agent, action } = activity;
  return (
    <>
      <span role="gridcell" class="time">
        <time dateTime={machineTime(atMs)}>{timeText(atMs, nowMs)}</time>
      </span>
      <span role="gridcell" class="kind">
        <Kind kind={kind} />
      </span>
      <span role="gridcell" class="who">
        <Foreign text={agent === undefined ? scope : agent} most={80} />
        {agent !== undefined && (
          <span class="muted">
            {" "}
            <Foreign text={tenant} most={40} />
          </span>
        )}
      </span>
      <span role="gridcell" class="action">
        {action !== undefined && (
          <>
            <Foreign text={action.name} most={60} />{" "}
            <span class="muted">
              <Foreign text={action.kind} most={40} />
            </span>
          </>
        )}
      </span>
      <span role="gridcell" class="amount">
        <AmountOf activity={activity} />
      </span>
      <span role="gridcell" class="more muted">
        <More activity={activity} nowMs={nowMs} />
      </span>
    </>
  );
}

/** What an event moved: a commit charges, everything before it holds. */
export function AmountOf({ activity }: { readonly activity: Activity }): JSX.Element | null {
  const { charged, reserved, estimate } = activity;
  const money = charged ?? reserved ?? estimate;
  return money === undefined ? null : <>{moneyText(money.amount, money.unit)}</>;
}

/** What else is worth a glance: caps, why not, until when. */
export function More({ activity, nowMs }: ActivityCellsProps): JSX.Element | null {
  const { kind, caps, charged, reserved, reason, expiresAtMs } = activity;
  if (reason !== undefined) return <Foreign text={reason} most={60} />;
  if (caps !== undefined) return <Foreign text={`caps: ${capsText(caps)}`} most={100} />;
  if (charged !== undefined && reserved !== undefined) {
    return <>of {moneyText(reserved.amount, reserved.unit)} held</>;
  }
  if ((kind === "reserved" || kind === "extended") && expiresAtMs !== undefined) {
    return <>until {timeText(expiresAtMs, nowMs)}</>;
  }
  return null;
}

/** Caps by their names: `max_tokens 500`. */
export function capsText(caps: Readonly<Record<string, unknown>>): string {
  return Object.entries(caps)
    .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}

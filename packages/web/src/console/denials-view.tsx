import { useSignal } from "@preact/signals";
import type { Activity } from "imprest/internal";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Foreign } from "../shared/foreign.tsx";
import { moneyText, withDollars } from "../shared/money.ts";
import { Blank } from "../shared/shell.tsx";
import { counted } from "../shared/text.ts";
import { timeText } from "../shared/time.ts";
import type { StoreProps } from "./store-props.ts";
import { FilterField } from "./filter-field.tsx";
import { mentions } from "./live-filter.ts";
import { MoreButton } from "./more-button.tsx";
import { reasonSentence } from "./reasons.ts";
import { route } from "./route.ts";

const step = 100;

/** What was denied: who asked for how much, what denied it, and what was left. */
export function DenialsView({ store }: StoreProps): JSX.Element {
  const filter = useSignal("");
  const shown = useSignal(step);
  const isReported = store.state.value?.denials ?? true;
  const found = store.denials.value.filter((denial) => mentions(denial, filter.value));
  if (store.denials.value.length === 0) {
    return (
      <div class="panel">
        {isReported ? (
          <Blank title="Nothing was denied">
            <p>A call that does not fit its budget is refused before it starts, and is listed here with the reason.</p>
          </Blank>
        ) : (
          <Blank title="This server does not report denials">
            <p>They are events of its governance plane, which this key may not read or the server does not have.</p>
          </Blank>
        )}
      </div>
    );
  }
  return (
    <div class="panel">
      <div class="bar">
        <FilterField value={filter} label="Find a denial" />
        <span class="tally">{counted(found.length, "denial")}</span>
      </div>
      <table class="table denials">
        <caption class="hidden-text">Denied calls, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Who</th>
            <th scope="col">Asked for</th>
            <th scope="col" class="number">
              Asked
            </th>
            <th scope="col" class="number">
              Left
            </th>
            <th scope="col">Denied by</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {found.slice(0, shown.value).map((denial) => (
            <DenialRow key={denial.number} denial={denial} nowMs={store.nowMs.peek()} />
          ))}
        </tbody>
      </table>
      {found.length === 0 && <Blank title="No denial matches the filter" />}
      <MoreButton shown={shown} of={found.length} step={step} />
    </div>
  );
}

function DenialRow({ denial, nowMs }: { readonly denial: Activity; readonly nowMs: number }): JSX.Element {
  const { number, atMs, tenant, scope, agent, action, estimate, remaining, blockedBy, reason } = denial;
  const isLookedAt = route.value.view === "denials" && route.value.id === String(number);
  const row = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (isLookedAt) row.current?.focus();
  }, [isLookedAt]);
  return (
    <tr ref={row} tabIndex={-1} class={isLookedAt ? "chosen" : undefined}>
      <td data-label="Time">
        <span>{timeText(atMs, nowMs)}</span>
      </td>
      <td data-label="Who">
        <div>
          <Foreign text={agent ?? scope} />
          <div class="muted">
            <Foreign text={tenant} most={60} />
          </div>
        </div>
      </td>
      <td data-label="Asked for">
        {action !== undefined && (
          <div>
            <Foreign text={action.name} />
            <div class="muted">
              <Foreign text={action.kind} most={60} />
            </div>
          </div>
        )}
      </td>
      <td data-label="Asked" class="number">
        {estimate !== undefined && <span>{moneyText(estimate.amount, estimate.unit)}</span>}
      </td>
      <td data-label="Left" class="number">
        {remaining !== undefined && estimate !== undefined && <strong>{moneyText(remaining, estimate.unit)}</strong>}
      </td>
      <td data-label="Denied by">
        {blockedBy !== undefined && (
          <div>
            {blockedBy.scope !== undefined && <Foreign text={blockedBy.scope} />}
            {blockedBy.policy !== undefined && (
              <div>
                policy <Foreign text={blockedBy.policy} />
              </div>
            )}
          </div>
        )}
      </td>
      <td data-label="Why">
        <Why denial={denial} code={reason} />
      </td>
    </tr>
  );
}

function Why({ denial, code }: { readonly denial: Activity; readonly code: string | undefined }): JSX.Element {
  const { suggestedFix, traceId } = denial;
  const sentence = reasonSentence(code);
  return (
    <div>
      {code !== undefined && (
        <span class="chip bad">
          <Foreign text={code} most={60} />
        </span>
      )}{" "}
      {sentence !== undefined && `${sentence}.`}
      {suggestedFix !== undefined && (
        <div class="muted">
          <Foreign text={withDollars(suggestedFix)} most={300} />
        </div>
      )}
      {traceId !== undefined && (
        <div class="muted">
          trace <Foreign text={traceId} most={64} mono />
        </div>
      )}
    </div>
  );
}

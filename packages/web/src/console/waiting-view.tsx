import type { WaitingRow } from "imprest/internal";
import type { JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { Icon } from "../shared/icon.tsx";
import { moneyText } from "../shared/money.ts";
import { Blank, Notice } from "../shared/shell.tsx";
import { durationText, machineTime, timeText } from "../shared/time.ts";
import type { StoreProps } from "./store-props.ts";

/** Settlements that no authority has answered, and those for which nothing more is sent. */
export function WaitingView({ store }: StoreProps): JSX.Element {
  const list = store.waiting.value;
  if (store.state.value?.waiting === false || list === undefined) {
    return (
      <div class="panel">
        <Blank title="No record store was given">
          <p>
            Settlements that wait for their authority are kept in a record store. Start the console with the store of
            the program that spends to see them here.
          </p>
        </Blank>
      </div>
    );
  }
  return (
    <>
      {list.failures.map(({ store: name, message }) => (
        <Notice tone="bad" key={name}>
          <strong>
            <Foreign text={name} /> cannot be read
          </strong>
          : <Foreign text={message} most={300} />
        </Notice>
      ))}
      <div class="panel">
        {list.rows.length === 0 ? (
          <Blank title="Nothing waits">
            <p>Every settlement has its answer, and there is no dead letter.</p>
          </Blank>
        ) : (
          <WaitingTable rows={list.rows} nowMs={store.nowMs.value} />
        )}
        {list.isCut && <p class="bar muted">There are more than these.</p>}
      </div>
    </>
  );
}

interface WaitingTableProps {
  readonly rows: readonly WaitingRow[];
  readonly nowMs: number;
}

function WaitingTable({ rows, nowMs }: WaitingTableProps): JSX.Element {
  return (
    <table class="table">
      <caption class="hidden-text">Settlements that wait</caption>
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Since</th>
          <th scope="col" class="number">
            Amount
          </th>
          <th scope="col">For</th>
          <th scope="col">Error</th>
          <th scope="col">Record</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={`${row.store} ${row.key}`} row={row} nowMs={nowMs} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row, nowMs }: { readonly row: WaitingRow; readonly nowMs: number }): JSX.Element {
  const { state, sinceMs, amount, protocol, target, error, key, reservationId } = row;
  return (
    <tr>
      <td data-label="State">
        {state === "dead-letter" ? (
          <span class="chip bad">
            <Icon name="bad" /> Dead letter
          </span>
        ) : (
          <span class="chip warn">
            <Icon name="clock" /> Pending
          </span>
        )}
      </td>
      <td data-label="Since">
        <time dateTime={machineTime(sinceMs)} title={timeText(sinceMs, nowMs)}>
          {durationText(nowMs - sinceMs)}
        </time>
      </td>
      <td data-label="Amount" class="number">
        {amount !== undefined && <span>{moneyText(amount.amount, amount.unit)}</span>}
      </td>
      <td data-label="For">
        <div>
          <Foreign text={protocol} most={40} />
          <div class="muted">
            <Foreign text={target} />
          </div>
        </div>
      </td>
      <td data-label="Error">
        {error !== undefined && (
          <div>
            <Foreign text={error.code} most={60} mono />
            <div class="muted">
              <Foreign text={error.message} most={300} />
            </div>
          </div>
        )}
      </td>
      <td data-label="Record">
        <div>
          <Foreign text={key} most={80} mono />
          {reservationId !== undefined && (
            <div class="muted">
              reservation <Foreign text={reservationId} most={64} mono />
            </div>
          )}
        </div>
      </td>
    </tr>
  );
}

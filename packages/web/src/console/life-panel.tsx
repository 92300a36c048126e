import { useComputed, useSignal } from "@preact/signals";
import type { ReservationLife } from "imprest/internal";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Foreign } from "../shared/foreign.tsx";
import { messageOf } from "../shared/message.ts";
import { Icon } from "../shared/icon.tsx";
import { moneyText } from "../shared/money.ts";
import { Blank } from "../shared/shell.tsx";
import { timeText } from "../shared/time.ts";
import { UsedBar } from "./budget-line.tsx";
import { AnswerError } from "./feed.ts";
import { LifeSteps } from "./life-steps.tsx";
import { go } from "./route.ts";
import type { ConsoleStore, Loaded } from "./store.ts";

interface LifePanelProps {
  readonly id: string;
  readonly store: ConsoleStore;
}

/** One reservation from its opening to its end, beside the list. Esc closes it. */
export function LifePanel({ id, store }: LifePanelProps): JSX.Element {
  const life = useSignal<ReservationLife | undefined>(undefined);
  const loaded = useSignal<Loaded>("loading");
  const attempt = useSignal(0);
  const heading = useRef<HTMLHeadingElement>(null);
  /** Goes up with each event of this reservation that comes by. */
  const seen = useComputed(() => store.activities(({ reservationId }) => reservationId === id)[0]?.number ?? 0);
  useEffect(() => {
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      try {
        life.value = await store.read<ReservationLife>(`api/reservations/${encodeURIComponent(id)}`, stop.signal);
        loaded.value = "loaded";
      } catch (error) {
        if (stop.signal.aborted) return;
        const isUnknown = error instanceof AnswerError && error.status === 404;
        loaded.value = {
          failure: isUnknown ? "Neither the authority nor this console remembers it." : messageOf(error),
        };
      }
    };
    void read();
    return () => stop.abort();
  }, [id, store, seen.value, attempt.value]);
  useEffect(() => {
    heading.current?.focus();
    const close = (event: KeyboardEvent): void => {
      if (event.key === "Escape") closeLife();
    };
    addEventListener("keydown", close);
    return () => removeEventListener("keydown", close);
  }, [id]);
  return (
    <aside class="panel life" aria-labelledby="life-title">
      <div class="life-head">
        <h2 id="life-title" ref={heading} tabIndex={-1}>
          Reservation <Foreign text={id} most={64} mono />
        </h2>
        <button type="button" class="button plain" aria-keyshortcuts="Escape" onClick={closeLife}>
          <Icon name="bad" /> Close
        </button>
      </div>
      {life.value !== undefined ? (
        <Life life={life.value} store={store} />
      ) : typeof loaded.value === "object" ? (
        <Blank title="It cannot be shown">
          <p>
            <Foreign text={loaded.value.failure} most={300} />
          </p>
          <button type="button" class="button" onClick={() => (attempt.value += 1)}>
            Try again
          </button>
        </Blank>
      ) : (
        <p class="blank">Loading…</p>
      )}
    </aside>
  );
}

/** The focus goes back to the row that the panel was opened from. */
function closeLife(): void {
  go({ view: "live" });
  // On a narrow page the list is hidden until the panel is gone.
  requestAnimationFrame(() => {
    document.querySelector<HTMLElement>('.grid-window [role="row"][tabindex="0"]')?.focus();
  });
}

function Life({ life, store }: { readonly life: ReservationLife; readonly store: ConsoleStore }): JSX.Element {
  const nowMs = store.nowMs.peek();
  const { status, scope, agent, action, reserved, charged, expiresAtMs, settledAtMs, traceIds, evidence } = life;
  return (
    <div class="life-body">
      <dl class="facts">
        <Fact name="Status">
          {status === undefined ? "no longer known to the authority" : <Foreign text={status} />}
        </Fact>
        {agent !== undefined && (
          <Fact name="Agent">
            <Foreign text={agent} />
          </Fact>
        )}
        {scope !== undefined && (
          <Fact name="Scope">
            <Foreign text={scope} most={300} mono />
          </Fact>
        )}
        {action !== undefined && (
          <Fact name="Action">
            <Foreign text={`${action.kind} ${action.name}`} most={200} />
          </Fact>
        )}
        {reserved !== undefined && <Fact name="Held">{moneyText(reserved.amount, reserved.unit)}</Fact>}
        {charged !== undefined && (
          <Fact name="Charged">
            <strong>{moneyText(charged.amount, charged.unit)}</strong>
          </Fact>
        )}
        {settledAtMs === undefined && expiresAtMs !== undefined && (
          <Fact name="Expires">{timeText(expiresAtMs, nowMs)}</Fact>
        )}
        {traceIds.map((trace) => (
          <Fact name="Trace" key={trace}>
            <Foreign text={trace} most={100} mono />
          </Fact>
        ))}
        {evidence.map((one) => (
          <Fact name="Evidence" key={one}>
            <Foreign text={one} most={200} mono />
          </Fact>
        ))}
      </dl>
      <LifeSteps activities={life.activities} nowMs={nowMs} />
      {life.budgets.length > 0 && (
        <section>
          <h3>Counts against</h3>
          <ul class="against">
            {life.budgets.map((budget) => (
              <li key={budget.id}>
                <Foreign text={budget.scope} />
                <span class="muted"> {moneyText(budget.remaining, budget.unit)} left</span>
                <UsedBar budget={budget} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

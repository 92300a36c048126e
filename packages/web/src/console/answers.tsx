import type { BudgetRow } from "imprest/internal";
import type { ComponentChildren, JSX } from "preact";
import { Foreign } from "../shared/foreign.tsx";
import { moneyText } from "../shared/money.ts";
import { counted } from "../shared/text.ts";
import { durationText, timeText } from "../shared/time.ts";
import type { StoreProps } from "./store-props.ts";
import { DenialSentence } from "./denial-sentence.tsx";
import { writeRoute } from "./route.ts";
import { isSoon } from "./soon.ts";

/** The two questions that people come with, answered above everything else. */
export function Answers({ store }: StoreProps): JSX.Element {
  return (
    <div class="answers">
      <RunsOutNext store={store} />
      <LastDenial store={store} />
    </div>
  );
}

interface AnswerProps {
  readonly question: string;
  readonly tone?: "warn" | "bad";
  readonly children: ComponentChildren;
}

function Answer({ question, tone, children }: AnswerProps): JSX.Element {
  return (
    <section class={tone === undefined ? "panel answer" : `panel answer is-${tone}`}>
      <h2>{question}</h2>
      {children}
    </section>
  );
}

function RunsOutNext({ store }: StoreProps): JSX.Element {
  const next = store.next.value;
  const nowMs = store.nowMs.value;
  const usedUp = store.usedUp.value;
  return (
    <Answer question="Runs out next" {...(isSoon(next?.exhaustsAtMs, nowMs) && { tone: "warn" })}>
      {next === undefined ? (
        <p>{store.budgets.value.size === 0 ? "Nothing: there is no budget." : "No budget, at the rate of now."}</p>
      ) : (
        <p>
          <a href={writeRoute({ view: "budgets", id: next.id })}>
            <strong>
              <Foreign text={next.scope} most={90} />
            </strong>
          </a>{" "}
          <EndsAt budget={next} nowMs={nowMs} />; {moneyText(next.remaining, next.unit)} of{" "}
          {moneyText(next.allocated, next.unit)} left.
        </p>
      )}
      {usedUp.length > 0 && (
        <p class="muted">
          Nothing left of {counted(usedUp.length, "budget")}
          {usedUp[0] !== undefined && (
            <>
              : <Foreign text={usedUp[0].scope} most={60} />
              {usedUp.length > 1 && ", …"}
            </>
          )}
        </p>
      )}
    </Answer>
  );
}

function EndsAt({ budget, nowMs }: { readonly budget: BudgetRow; readonly nowMs: number }): JSX.Element | null {
  const { exhaustsAtMs } = budget;
  if (exhaustsAtMs === undefined) return null;
  if (exhaustsAtMs < nowMs + 1_000) return <>is running out now</>;
  return (
    <>
      in <strong>{durationText(exhaustsAtMs - nowMs)}</strong>, at {timeText(exhaustsAtMs, nowMs)}
    </>
  );
}

function LastDenial({ store }: StoreProps): JSX.Element {
  const last = store.denials.value[0];
  if (last !== undefined) {
    return (
      <Answer question="Last denied call" tone="bad">
        <p>
          <DenialSentence denial={last} />{" "}
          <a href={writeRoute({ view: "denials", id: String(last.number) })}>
            {timeText(last.atMs, store.nowMs.peek())}
            <span class="hidden-text">, the denial in full</span>
          </a>
        </p>
      </Answer>
    );
  }
  const isReported = store.state.value?.denials ?? true;
  return (
    <Answer question="Last denied call">
      <p>{isReported ? "None so far." : "This server does not report denials to this key."}</p>
    </Answer>
  );
}

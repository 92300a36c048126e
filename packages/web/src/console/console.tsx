import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Foreign } from "../shared/foreign.tsx";
import { Icon } from "../shared/icon.tsx";
import { Blank, Shell } from "../shared/shell.tsx";
import { TabPanel, Tabs } from "../shared/tabs.tsx";
import { Answers } from "./answers.tsx";
import { BudgetsView } from "./budgets-view.tsx";
import { DenialsView } from "./denials-view.tsx";
import { LiveView } from "./live-view.tsx";
import { Notices } from "./notices.tsx";
import { type View, go, route } from "./route.ts";
import type { StoreProps } from "./store-props.ts";
import { WaitingView } from "./waiting-view.tsx";

export function Console({ store }: StoreProps): JSX.Element {
  useEffect(focusFilterBySlash, []);
  return (
    <Shell title="Imprest console" about={<About store={store} />} status={<LinkState store={store} />}>
      <Notices store={store} />
      {store.loaded.value === "loaded" ? <Views store={store} /> : <NotLoaded store={store} />}
    </Shell>
  );
}

function Views({ store }: StoreProps): JSX.Element {
  const { view } = route.value;
  return (
    <>
      <Answers store={store} />
      <ViewTabs store={store} />
      <TabPanel of={view}>
        {view === "budgets" && <BudgetsView store={store} />}
        {view === "live" && <LiveView store={store} />}
        {view === "denials" && <DenialsView store={store} />}
        {view === "waiting" && <WaitingView store={store} />}
      </TabPanel>
    </>
  );
}

function ViewTabs({ store }: StoreProps): JSX.Element {
  const count = (number: number, tone = ""): JSX.Element | undefined =>
    number === 0 ? undefined : <span class={`chip ${tone}`}>{number}</span>;
  const waiting = store.waiting.value?.rows ?? [];
  const hasDead = waiting.some(({ state }) => state === "dead-letter");
  return (
    <Tabs<View>
      label="Views"
      chosen={route.value.view}
      onChoose={(view) => go({ view })}
      tabs={[
        { name: "budgets", title: "Budgets", count: count(store.budgets.value.size) },
        { name: "live", title: "Live" },
        { name: "denials", title: "Denials", count: count(store.denials.value.length, "bad") },
        { name: "waiting", title: "Waiting", count: count(waiting.length, hasDead ? "bad" : "warn") },
      ]}
    />
  );
}

function About({ store }: StoreProps): JSX.Element | null {
  const state = store.state.value;
  if (state === undefined) return null;
  return (
    <>
      {state.authority.kind === "cycles" && "server "}
      <Foreign text={state.authority.target} most={60} />
    </>
  );
}

/** Whether what is shown is of now; in words, with a mark beside them. */
function LinkState({ store }: StoreProps): JSX.Element {
  const { kind } = store.link.value;
  const isPolled = store.state.value?.live === "polled";
  if (kind === "lost" || kind === "ended") {
    return (
      <span class="chip bad">
        <Icon name="bad" /> {kind === "lost" ? "Disconnected" : "Ended"}
      </span>
    );
  }
  if (kind === "opening" || store.loaded.value !== "loaded") {
    return (
      <span class="chip">
        <Icon name="clock" /> Connecting
      </span>
    );
  }
  if (!store.upstream.value.ok) {
    return (
      <span class="chip warn">
        <Icon name="warn" /> Out of date
      </span>
    );
  }
  return (
    <span
      class="chip good"
      title={isPolled ? "The server is asked each second." : "Each event is shown as it happens."}
    >
      <Icon name="good" /> {isPolled ? "Polled" : "Live"}
    </span>
  );
}

function NotLoaded({ store }: StoreProps): JSX.Element {
  const { loaded } = store;
  if (typeof loaded.value === "object") {
    return (
      <div class="panel">
        <Blank title="Nothing could be loaded">
          <p>
            <Foreign text={loaded.value.failure} most={300} />
          </p>
          {store.link.value.kind !== "ended" && (
            <button type="button" class="button" onClick={() => store.reload()}>
              Try again
            </button>
          )}
        </Blank>
      </div>
    );
  }
  return (
    <div class="panel" aria-busy="true">
      <Blank title="Loading the books">
        <p>Budgets, reservations and denials…</p>
      </Blank>
    </div>
  );
}

/** `/` goes to the filter of the view, from everywhere but a field. */
function focusFilterBySlash(): () => void {
  const listen = (event: KeyboardEvent): void => {
    const isTyping = event.target instanceof Element && event.target.matches("input, select, textarea");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const filter = document.querySelector<HTMLElement>("[data-filter]");
    if (filter === null) return;
    event.preventDefault();
    filter.focus();
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}

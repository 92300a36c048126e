import { useComputed, useSignal } from "@preact/signals";
import type { Activity } from "imprest/internal";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Blank } from "../shared/shell.tsx";
import { WindowList } from "../shared/window-list.tsx";
import { ActivityCells } from "./activity-cells.tsx";
import type { StoreProps } from "./store-props.ts";
import { everything, isWanted } from "./live-filter.ts";
import { LiveFilters } from "./live-filters.tsx";
import { LifePanel } from "./life-panel.tsx";
import { go, route } from "./route.ts";

const columns = ["Time", "Event", "Who", "Action", "Amount", "More"];

/** What happens, the newest first. It stands still while someone reads in it, and while it is held. */
export function LiveView({ store }: StoreProps): JSX.Element {
  const filter = useSignal(everything);
  /** Held by its button: scrolling back does not set it going. */
  const isHeld = useSignal(false);
  /** The newest that is shown while the list stands still. */
  const upTo = useSignal<number | undefined>(undefined);
  const rowHeight = useRowHeight();
  const all = useComputed(() => store.activities((activity) => isWanted(activity, filter.value)));
  const standStill = (): void => {
    upTo.value ??= all.peek()[0]?.number ?? 0;
  };
  const still = upTo.value;
  const shown = still === undefined ? all.value : all.value.filter(({ number }) => number <= still);
  const newer = all.value.length - shown.length;
  const { id } = route.value;

  const open = (activity: Activity): void => {
    if (activity.kind === "denied") go({ view: "denials", id: String(activity.number) });
    else if (activity.reservationId !== undefined) go({ view: "live", id: activity.reservationId });
  };
  const holdOrGoOn = (): void => {
    isHeld.value = still === undefined;
    if (still === undefined) {
      standStill();
      return;
    }
    document.querySelector(".grid-window")?.scrollTo({ top: 0 });
    upTo.value = undefined;
  };
  return (
    <div class={id === undefined ? "live" : "live with-life"}>
      <div class="panel live-list">
        <LiveFilters filter={filter} store={store}>
          <button type="button" class={still === undefined ? "button" : "button primary"} onClick={holdOrGoOn}>
            {still !== undefined ? (newer > 0 ? `Go on (${newer} new)` : "Go on") : "Hold"}
          </button>
        </LiveFilters>
        {all.value.length === 0 ? (
          <NoActivity isFiltered={filter.value !== everything} />
        ) : (
          <WindowList
            label="Events, the newest first"
            columns={columns}
            items={shown}
            cells={(activity) => <ActivityCells activity={activity} nowMs={store.nowMs.peek()} />}
            rowClass={({ kind, reservationId }) =>
              `${kind} ${id !== undefined && reservationId === id ? "chosen" : ""}`
            }
            onOpen={open}
            onReading={(isReading) => {
              if (isReading) standStill();
              else if (!isHeld.value) upTo.value = undefined;
            }}
            rowHeight={rowHeight}
          />
        )}
      </div>
      {id !== undefined && <LifePanel key={id} id={id} store={store} />}
    </div>
  );
}

function NoActivity({ isFiltered }: { readonly isFiltered: boolean }): JSX.Element {
  if (isFiltered) return <Blank title="No event matches the filters" />;
  return (
    <Blank title="Nothing has happened yet">
      <p>Each reservation that opens, extends or settles appears here as it does.</p>
    </Blank>
  );
}

/** The style sheet has rows of two lines on a narrow page. */
function useRowHeight(): number {
  const height = useSignal(34);
  useEffect(() => {
    const narrow = matchMedia("(max-width: 760px)");
    const read = (): void => {
      height.value = narrow.matches ? 56 : 34;
    };
    read();
    narrow.addEventListener("change", read);
    return () => narrow.removeEventListener("change", read);
  }, []);
  return height.value;
}

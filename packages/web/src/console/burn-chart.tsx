import { useSignal } from "@preact/signals";
import { type BudgetRow, type Burn, isAmount } from "imprest/internal";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Chart } from "../shared/chart.tsx";
import { messageOf } from "../shared/message.ts";
import { Foreign } from "../shared/foreign.tsx";
import { moneyText } from "../shared/money.ts";
import type { ConsoleStore, Loaded } from "./store.ts";

interface BurnChartProps {
  readonly budget: BudgetRow;
  readonly store: ConsoleStore;
  readonly span: Burn["span"];
}

/** How often a span is asked for: a tenth of the hour's samples, one of the day's. */
const everyMs = { hour: 10_000, day: 60_000 } as const;
const minutes = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const clockText = (at: number, from: number, to: number): string =>
  (to - from < 600 ? seconds : minutes).format(at * 1_000);

/**
 * What the page saw itself since the last sample: it knows what is spent as soon as it is. Within this time of a sample it
 * may have been seen late, and would draw a fall that never was.
 */
const lateMs = 1_000;
type Seen = (readonly [atMs: number, spent: string])[];
const mostSeen = 600;

/** What a budget had spent over the last hour or day, under what is allocated. */
export function BurnChart({ budget, store, span }: BurnChartProps): JSX.Element {
  const { id, unit, allocated, spent } = budget;
  const burn = useSignal<Burn | undefined>(undefined);
  const loaded = useSignal<Loaded>("loading");
  useEffect(() => {
    const stop = new AbortController();
    const read = async (): Promise<void> => {
      try {
        burn.value = await store.read<Burn>(`api/burn?id=${encodeURIComponent(id)}&span=${span}`, stop.signal);
        loaded.value = "loaded";
      } catch (error) {
        // A line that was drawn stays; the notice above says that the page is old.
        if (!stop.signal.aborted && burn.peek() === undefined) loaded.value = { failure: messageOf(error) };
      }
    };
    void read();
    const timer = setInterval(() => void read(), everyMs[span]);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [id, span, store]);
  const seen = useRef<Seen>([]);
  if (seen.current.at(-1)?.[1] !== spent) {
    seen.current = [...seen.current, [store.clockMs(), spent] as const].slice(-mostSeen);
  }
  const points = burn.value?.points ?? [];
  const data = useMemo(
    () => chartData(points, [...seen.current, [store.clockMs(), spent]], allocated),
    [points, spent, allocated],
  );
  const valueText = useMemo(() => (value: number) => moneyText(String(Math.round(value)), unit), [unit]);
  const title = span === "hour" ? "Last hour" : "Last day";
  const first = points[0];
  return (
    <figure>
      <figcaption>
        <h3>{title}</h3>
        <span class="muted">spent, under what is allocated</span>
      </figcaption>
      {typeof loaded.value === "object" ? (
        <p class="chart-blank">
          <Foreign text={loaded.value.failure} most={200} />
        </p>
      ) : loaded.value === "loading" ? (
        <p class="chart-blank">Loading…</p>
      ) : first === undefined ? (
        <p class="chart-blank">Nothing was measured yet.</p>
      ) : (
        <Chart
          data={data}
          label={`${title}: from ${moneyText(first[1], unit)} to ${moneyText(spent, unit)} spent of ${moneyText(allocated, unit)}`}
          valueText={valueText}
          timeText={clockText}
        />
      )}
    </figure>
  );
}

/** Floats for the pixels of a line. It ends in what is known to be spent now. */
function chartData(
  points: Burn["points"],
  seen: Seen,
  allocated: string,
): [times: number[], values: number[], limit: number[]] {
  const pixels = (amount: string): number => (isAmount(amount) ? Number(amount) : 0);
  const sampledMs = points.at(-1)?.[0] ?? 0;
  const all = [...points, ...seen.filter(([atMs]) => atMs > sampledMs + lateMs)];
  const limit = pixels(allocated);
  return [all.map(([atMs]) => atMs / 1_000), all.map(([, amount]) => pixels(amount)), all.map(() => limit)];
}

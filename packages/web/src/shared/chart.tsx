import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

interface ChartProps {
  /** Seconds since 1970, ascending; values at these times; a line that they are measured by. Pixels, never figures. */
  readonly data: readonly [times: readonly number[], values: readonly number[], limit: readonly number[]];
  /** What a reader who does not see it is given instead. */
  readonly label: string;
  readonly valueText: (value: number) => string;
  /** A time on the axis, which begins and ends where it says. */
  readonly timeText: (seconds: number, from: number, to: number) => string;
}

const height = 150;

/** A line over time and its limit, drawn on a canvas in the colours of the theme. */
export function Chart({ data, label, valueText, timeText }: ChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(element, valueText, timeText), aligned(latest.current), element);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", draw);
    addEventListener("themechange", draw);
    return () => {
      resized.disconnect();
      system.removeEventListener("change", draw);
      removeEventListener("themechange", draw);
      plot.current?.destroy();
    };
  }, [valueText, timeText]);
  useEffect(() => plot.current?.setData(aligned(data)), [data]);
  return <div class="chart" ref={box} role="img" aria-label={label} />;
}

const aligned = ([times, values, limit]: ChartProps["data"]): uPlot.AlignedData => [
  [...times],
  [...values],
  [...limit],
];

function optionsOf(
  element: HTMLElement,
  valueText: ChartProps["valueText"],
  timeText: ChartProps["timeText"],
): uPlot.Options {
  const colour = (name: string): string => colourOf(element, name);
  const grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: colour("--muted"), grid, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 26, 0, 0],
    scales: { x: { time: true }, y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [
      {
        ...axis,
        size: 26,
        space: 80,
        values: (plot, splits) => {
          const { min = 0, max = 0 } = plot.scales["x"] ?? {};
          return splits.map((seconds) => timeText(seconds, min, max));
        },
      },
      { ...axis, size: 68, space: 34, values: (_plot, splits) => splits.map(valueText) },
    ],
    series: [
      {},
      { stroke: colour("--accent"), fill: colour("--accent-soft"), width: 2, points: { show: false } },
      { stroke: colour("--muted"), dash: [4, 4], width: 1, points: { show: false } },
    ],
  };
}

/** A variable of the style sheet as the canvas reads it: resolved for the theme that is shown. */
function colourOf(element: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

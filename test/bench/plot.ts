/** One line of a plot. */
export interface Series {
  readonly name: string;
  readonly points: [x: number, y: number][];
}

const width = 640;
const height = 320;
const left = 80;
const right = 620;
const top = 50;
const bottom = 270;
const colours = ["#2563eb", "#d97706", "#059669"];

/** Lines over a logarithmic x axis, as an SVG that can be read on light and on dark. */
export function plot(title: string, series: readonly Series[]): string {
  const xs = series.flatMap(({ points }) => points.map(([x]) => x));
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y))) * 1.1;
  const [low, high] = [Math.log(Math.min(...xs)), Math.log(Math.max(...xs))];
  const xOf = (x: number): string => (left + ((Math.log(x) - low) / (high - low)) * (right - left)).toFixed(1);
  const yOf = (y: number): string => (bottom - (y / most) * (bottom - top)).toFixed(1);
  const ticks = [...new Set(xs)].map((x) => label(xOf(x), bottom + 20, x.toLocaleString("en"), "middle"));
  const levels = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = yOf(most * share);
    const line = `<line x1="${left}" x2="${right}" y1="${y}" y2="${y}" stroke="#888" stroke-opacity="0.35"/>`;
    return line + label(left - 8, Number(y) + 4, Math.round(most * share).toLocaleString("en"), "end");
  });
  const lines = series.map(({ name, points }, at) => {
    const colour = colours[at % colours.length] ?? "#2563eb";
    const path = points.map(([x, y]) => `${xOf(x)},${yOf(y)}`).join(" ");
    const dots = points.map(([x, y]) => `<circle cx="${xOf(x)}" cy="${yOf(y)}" r="3" fill="${colour}"/>`).join("");
    const legend = `<text x="${left + at * 180}" y="${height - 8}" fill="${colour}">${name}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}${legend}`;
  });
  const heading = `<text x="${left}" y="24" font-weight="600" fill="#777">${title}</text>`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`;
  return [head, heading, ...levels, ...ticks, ...lines, "</svg>\n"].join("\n");
}

function label(x: number | string, y: number, text: string, anchor: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#777">${text}</text>`;
}

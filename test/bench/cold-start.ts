import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { median, row } from "./measure.ts";

const packages = resolve(import.meta.dirname, "../../packages");
const runs = 7;

/** How long the import of each built entry takes in a fresh process (`pnpm build` first), beside that of `node:http`. */
export async function coldStart(): Promise<void> {
  console.log(`\ncold start: milliseconds of import in a fresh process, median of ${runs}`);
  console.log(row("node:http", importMs("node:http").toFixed(1)));
  for (const name of readdirSync(packages)) {
    const { exports } = JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8")) as {
      readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
    };
    for (const [entry, target] of Object.entries(exports)) {
      const file = typeof target === "string" ? undefined : join(packages, name, target.default);
      if (file === undefined || entry.startsWith("./models/") || !existsSync(file)) continue;
      console.log(row(`@imprest/${name}${entry.slice(1)}`, importMs(file).toFixed(1)));
    }
  }
}

function importMs(specifier: string): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(specifier)}); console.log(performance.now() - t); process.exit(0)`;
  const once = (): number =>
    Number(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }));
  return median(Array.from({ length: runs }, once));
}

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Effort, type Group, type Mode, compare } from "./measure.ts";

const packages = resolve(import.meta.dirname, "../../packages");

/** How long the import of each built entry takes in a fresh process, beside that of `node:http`. */
export async function* coldStart(effort: Effort): AsyncGenerator<Group> {
  const modes = entries().map(([name, file]) => [name, importing(file)] as const);
  yield await compare(
    { title: "import in a fresh process", unit: "ms", rounds: effort.rounds(5) },
    { "raw node:http": importing("node:http"), ...Object.fromEntries(modes) },
  );
}

/** Names and files of all modules that the packages export. */
function entries(): (readonly [name: string, file: string])[] {
  return readdirSync(packages).flatMap((name) => {
    const { exports } = JSON.parse(readFileSync(join(packages, name, "package.json"), "utf8")) as {
      readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
    };
    return Object.entries(exports).flatMap(([entry, target]) => {
      if (typeof target === "string" || entry.includes("*")) return [];
      const file = join(packages, name, target.default);
      if (!existsSync(file)) throw new Error(`${file} is not there: \`pnpm build\` first.`);
      return [[`@imprest/${name}${entry.slice(1)}`, file] as const];
    });
  });
}

function importing(specifier: string): Mode {
  const script = `
    const [cpu, started] = [process.cpuUsage(), performance.now()];
    await import(${JSON.stringify(specifier)});
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify({ value: performance.now() - started, cpuMicros: user + system }));
    process.exit(0)`;
  const options = { encoding: "utf8" } as const;
  return async () => JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", script], options));
}

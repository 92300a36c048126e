import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { workspacePackages } from "../../tools/packages.ts";
import { type Effort, type Group, type Mode, compare } from "./measure.ts";

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
  return workspacePackages().flatMap(({ name, folder, manifest }) =>
    Object.entries(manifest.publishConfig.exports).flatMap(([entry, target]) => {
      if (typeof target === "string" || entry.includes("*")) return [];
      const file = join(folder, target.default);
      if (!existsSync(file)) throw new Error(`${file} is not there: \`pnpm build\` first.`);
      return [[`${name}${entry.slice(1)}`, file] as const];
    }),
  );
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

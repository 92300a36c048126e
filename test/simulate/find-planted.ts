// `pnpm simulate:planted [--runs N]`: puts back one fault after another and searches for each. Exits with 1 when the
// simulator does not find one of them within so many seeds.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { plantedFaults } from "./planted.ts";

const { values } = parseArgs({ options: { runs: { type: "string", default: "10000" } } });
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
let missed = 0;
for (const { name, part } of plantedFaults) {
  const search = ["--runs", values.runs, "--part", part, "--first"];
  const found = spawnSync(
    process.execPath,
    ["--conditions=@imprest/source", "--import", path("plant.ts"), path("main.ts"), ...search],
    { env: { ...process.env, IMPREST_PLANTED_FAULT: name }, encoding: "utf8" },
  );
  const [, seed, breach] = /seed (\d+): ([^;\n]*)/.exec(found.stderr) ?? [];
  if (seed === undefined) missed += 1;
  const result = seed === undefined ? `NOT FOUND in ${values.runs} seeds\n${found.stderr}` : `seed ${seed}: ${breach}`;
  console.log(`${part.padEnd(9)} ${name}\n          ${result}`);
}
console.log(`${plantedFaults.length - missed} passed, ${missed} failed`);
process.exitCode = missed === 0 ? 0 : 1;

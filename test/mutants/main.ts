// `pnpm mutants [--part reservation|settlement] [--file open-reservation.ts] [--force]`: changes the kernel, one piece at a
// time, and runs the tests that reach it. Exits with 1 under 90 % killed, for a survivor that `survivors.json` does not
// list, and for one listed that is killed. See docs/proof.md.
import { Stryker } from "@stryker-mutator/core";
import { globSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Mutant, hasLived, scoreOf } from "./score.ts";
import { options } from "./options.ts";
import { type Survivor, describeMutant } from "./survivor.ts";

const parts = ["reservation", "settlement"];
const leastScore = 0.9;
const { values } = parseArgs({
  options: { part: { type: "string" }, file: { type: "string", default: "*.ts" }, force: { type: "boolean" } },
});
const chosen = values.part === undefined ? parts : [values.part];
const source = resolve(import.meta.dirname, "../../packages/core/src");
// By what a file says when the run begins: it may be edited meanwhile.
const files = new Map(
  chosen.flatMap((part) =>
    globSync(`${source}/${part}/${values.file}`).map((file) => [relative(source, file), readFileSync(file, "utf8")]),
  ),
);
const stryker = new Stryker({
  ...options,
  mutate: [...files.keys()].map((file) => `packages/core/src/${file}`),
  force: values.force ?? false,
});
const fileOf = ({ fileName }: Mutant): string => relative(source, fileName);
// Stryker adds what an earlier run found of other files.
const mutants = (await stryker.runMutationTest()).filter((mutant) => files.has(fileOf(mutant)));

const listed = JSON.parse(readFileSync(new URL("survivors.json", import.meta.url), "utf8")) as readonly Survivor[];
const alive = new Set<Survivor>();
let failed = 0;
for (const mutant of mutants.filter(hasLived)) {
  const survivor = describeMutant(mutant, fileOf(mutant), files.get(fileOf(mutant)) ?? "");
  const entry = listed.find((one) => isSame(one, survivor));
  if (entry) alive.add(entry);
  else {
    failed += 1;
    console.log(`LIVES ${mutant.status} ${JSON.stringify(survivor)}`);
  }
}
for (const entry of listed) {
  if (!files.has(entry.file) || alive.has(entry)) continue;
  failed += 1;
  console.log(`LISTED, BUT KILLED OR GONE ${JSON.stringify(entry)}`);
}
for (const part of chosen) {
  const { ratio, total, lived, left } = scoreOf(mutants.filter((mutant) => fileOf(mutant).startsWith(`${part}/`)));
  if (ratio < leastScore) failed += 1;
  console.log(`${part}: ${(ratio * 100).toFixed(1)} % of ${total} killed, ${lived} lived; ${left}`);
}
process.exitCode = failed === 0 ? 0 : 1;

function isSame(one: Survivor, other: Survivor): boolean {
  return one.file === other.file && one.line === other.line && one.from === other.from && one.to === other.to;
}

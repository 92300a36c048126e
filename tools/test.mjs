// Runs the checks in order, counts them and every test, and closes with `N passed, N failed`.
// usage: node tools/test.mjs [all|coverage|fuzz|simulate|soak|bench|faults|next|peers|web|runtimes] [--summary FILE]
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const args = process.argv.slice(2);
const summaryAt = args.indexOf("--summary");
const summaryFile = summaryAt === -1 ? undefined : args.splice(summaryAt, 2)[1];
const suite = args[0] ?? "all";

const vitest = (name, project = name) => ({ name, command: ["vitest", "run", "--project", project], counts: true });
const suites = {
  all: [
    { name: "format", command: ["pnpm", "format:check"] },
    { name: "lint", command: ["pnpm", "lint"] },
    { name: "typecheck", command: ["pnpm", "typecheck"] },
    vitest("unit"),
    { name: "build", command: ["pnpm", "build"] },
    { name: "api", command: ["node", "tools/api.mjs", "--check"] },
    { name: "sizes", command: ["node", "tools/size.mjs", "--check"] },
    { name: "site", command: ["pnpm", "site"] },
    vitest("package"),
  ],
  coverage: [{ name: "coverage", command: ["pnpm", "coverage"] }],
  fuzz: [{ name: "fuzz", command: ["pnpm", "fuzz", "--count", "100000", "--seed", "1"] }],
  simulate: [{ name: "simulate", command: ["pnpm", "simulate", "--minutes", "2", "--runs", "1000000"] }],
  soak: [{ name: "soak", command: ["pnpm", "soak", "--minutes", "1"] }],
  bench: [
    { name: "build", command: ["pnpm", "build"] },
    { name: "bench", command: ["pnpm", "bench", "--quick"] },
  ],
  faults: [vitest("faults")],
  next: [{ name: "build", command: ["pnpm", "build"] }, vitest("next")],
  peers: [vitest("peers")],
  web: [{ name: "build", command: ["pnpm", "build"] }, vitest("web")],
  runtimes: [{ name: "build", command: ["pnpm", "build"] }, vitest("runtimes", "runtimes*")],
};
if (!(suite in suites)) throw new Error(`unknown suite "${suite}"; one of ${Object.keys(suites).join(", ")}`);

const total = { passed: 0, failed: 0, skipped: 0 };
/** How long each check took, for CI's table. */
const lanes = [];
for (const { name, command, counts } of suites[suite]) {
  console.log(`\n== ${name}`);
  const started = Date.now();
  const report = `.test-results/${name}.json`;
  const extra = counts ? ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`] : [];
  if (counts) rmSync(report, { force: true });
  const [program, ...rest] = withPnpm(command);
  const { status } = spawnSync(program, [...rest, ...extra], { stdio: "inherit", env: process.env });
  if (counts) addTests(report, status);
  else if (status === 0) total.passed += 1;
  else total.failed += 1;
  const seconds = (Date.now() - started) / 1000;
  lanes.push({ name, seconds });
  console.log(`== ${name}: ${status === 0 ? "ok" : "FAILED"} in ${seconds.toFixed(1)} s`);
}

function withPnpm(command) {
  return command[0] === "vitest" ? ["pnpm", "exec", ...command] : command;
}

/** A run that ends badly with no failed test (a crash, no report, no test at all) counts as one failure. */
function addTests(report, status) {
  let tests = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTotalTests: 0 };
  try {
    tests = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    status = 1;
  }
  total.passed += tests.numPassedTests;
  total.skipped += tests.numPendingTests;
  total.failed += tests.numFailedTests;
  if ((status !== 0 && tests.numFailedTests === 0) || tests.numTotalTests === 0) total.failed += 1;
}

if (summaryFile) {
  mkdirSync(dirname(summaryFile), { recursive: true });
  writeFileSync(summaryFile, JSON.stringify({ ...total, lanes }));
}
const skipped = total.skipped ? `, ${total.skipped} skipped` : "";
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed === 0 ? 0 : 1);

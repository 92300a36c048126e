// The adapter of the client recovery profile's runner: `node test/conformance/recovery-adapter.mjs <scenario-id>`, with
// {id, level, name, precondition, faults} as JSON on stdin. Runs the tests that are bound to the scenario and prints one
// JSON object. A pass needs tests that really ran; logs go to stderr. Any Node may run it: vitest gets the repository's.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const bound = "test/faults/cycles-recovery.test.ts";

/** The scenarios of the profile; each is a `describe` of the bound file that begins with its id. */
const scenarios = new Set([
  "CR-CORE-001",
  "CR-CORE-002",
  "CR-CORE-003",
  "CR-CORE-004",
  "CR-DURABLE-001",
  "CR-DURABLE-002",
  "CR-DURABLE-003",
  "CR-DURABLE-004",
  "CR-DURABLE-005",
  "CR-DURABLE-006",
  "CR-DURABLE-007",
  "CR-BOUNDARY-001",
]);

try {
  const id = readScenario(process.argv.slice(2), readFileSync(0, "utf8"));
  const native_tests = run(id);
  process.stdout.write(`${JSON.stringify({ scenario_id: id, passed: true, native_tests })}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  const diagnostic = error instanceof Error ? error.message : String(error);
  const scenario_id = process.argv[2] ?? "";
  process.stdout.write(`${JSON.stringify({ scenario_id, passed: false, native_tests: [], diagnostic })}\n`);
  process.exitCode = 1;
}

function readScenario(args, text) {
  const [id] = args;
  if (args.length !== 1 || !scenarios.has(id))
    throw new Error(`"${args.join(" ")}" is no scenario that is bound here.`);
  const scenario = JSON.parse(text);
  if (scenario?.id !== id) throw new Error(`Stdin describes ${scenario?.id}, not ${id}.`);
  for (const answer of ["expected_requests", "assertions"]) {
    // Told the answers, an adapter could say what is wanted instead of what is.
    if (answer in scenario) throw new Error(`Stdin holds ${answer}, which is for the tests to know.`);
  }
  return id;
}

/** @returns the tests that ran and passed, as `file > name`. */
function run(id) {
  const folder = mkdtempSync(join(tmpdir(), "imprest-recovery-"));
  const report = join(folder, "report.json");
  try {
    const { status, error } = vitest(id, report);
    if (error) throw error;
    const { testResults } = JSON.parse(readFileSync(report, "utf8"));
    const tests = testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ ancestorTitles: [title = ""] }) => title === id || title.startsWith(`${id} `))
        .map((test) => ({ ...test, file: relative(root, name).replaceAll("\\", "/") })),
    );
    const failed = tests.filter((test) => test.status !== "passed");
    if (failed.length > 0) throw new Error(`${failed.length} of ${tests.length} tests of ${id} did not pass.`);
    if (tests.length === 0) throw new Error(`No test of ${id} ran.`);
    if (status !== 0) throw new Error(`vitest ended with ${status}.`);
    return [...new Set(tests.map(({ file, ancestorTitles, title }) => [file, ...ancestorTitles, title].join(" > ")))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function vitest(id, report) {
  const file = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const command = ["node_modules/vitest/vitest.mjs", "run", "--project", "faults", bound, "-t", id, ...reporters];
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isNewEnough = major > 22 || (major === 22 && minor >= 19);
  const args = isNewEnough && existsSync(file) ? command : [join(root, "tools/with-toolchain.mjs"), "node", ...command];
  // Stdout belongs to the one object.
  return spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", 2, 2] });
}

import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const adapter = resolve(import.meta.dirname, "../conformance/recovery-adapter.mjs");

function run(
  id: string,
  scenario: object,
): { readonly status: number | null; readonly answer: Record<string, unknown> } {
  const { status, stdout } = spawnSync(process.execPath, [adapter, id], {
    input: JSON.stringify(scenario),
    encoding: "utf8",
  });
  return { status, answer: JSON.parse(stdout) as Record<string, unknown> };
}

describe("the recovery adapter", () => {
  it("really runs the tests of a scenario and names them", () => {
    const scenario = { id: "CR-CORE-002", level: "core", name: "n", precondition: "actual_known", faults: [] };
    const { status, answer } = run("CR-CORE-002", scenario);
    expect(status).toBe(0);
    expect(answer).toEqual({
      scenario_id: "CR-CORE-002",
      passed: true,
      native_tests: [expect.stringMatching(/^test\/faults\/cycles-recovery\.test\.ts > CR-CORE-002 > /)],
    });
  });

  it.each([
    ["an unknown scenario", "CR-CORE-999", { id: "CR-CORE-999" }],
    ["an id that is only the beginning of others", "CR-CORE", { id: "CR-CORE" }],
    ["another scenario on stdin", "CR-CORE-001", { id: "CR-CORE-002" }],
    ["a scenario that holds its answers", "CR-CORE-001", { id: "CR-CORE-001", assertions: [] }],
  ])("fails for %s", (_name, id, scenario) => {
    const { status, answer } = run(id, scenario);
    expect(status).toBe(1);
    expect(answer).toMatchObject({ scenario_id: id, passed: false, native_tests: [] });
  });
});

import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { usd } from "@imprest/core";
import { beforeAll, describe, expect, it } from "vitest";
import { openWorkbench } from "../../../packages/imprest/test/run/running.ts";
import { modulesFolder, versions } from "../install.ts";
import { hasPython, pythonWith } from "../python.ts";

// Programs on the providers' own packages that know nothing of a budget, each under the command `imprest run` before a provider
// with books of its own. They end at the first error, with an exit code of their own.

const requirements = ["openai==3.57.0", "anthropic==2.14.0", "google-genai==3.6.1", "mini-swe-agent==2.4.6"];
const programs = join(import.meta.dirname, "programs");

/** Each answer costs some two cents, and each request may cost that at most. */
const budget = usd("0.10");

async function spendsUntilRefused(command: readonly string[], refusal: string): Promise<void> {
  await using bench = await openWorkbench({ answer: () => ({ outputTokens: 1_500 }) });
  const { provider } = bench;
  const { code, out, err } = await bench.run(command, { flags: ["--budget", "USD:0.10"] }).ended;
  expect({ code, out }, err).toEqual({ code: 7, out: `refused with ${refusal}\n` });
  expect(provider.calls.length).toBeGreaterThan(2);
  const { spent, reserved } = bench.gauge();
  expect({ spent, reserved }).toEqual({ spent: provider.bill, reserved: usd(0) });
  expect(spent.amount).toBeLessThanOrEqual(budget.amount);
  expect(err).toMatch(new RegExp(`^imprest run: ${provider.calls.length} calls, spent .* 1 denied`, "m"));
  expect(out + err).not.toContain("sk-real-");
}

describe.runIf(versions === "newest")("programs on packages of npm under imprest run", () => {
  it.each([
    ["openai_program.mjs", "402 BUDGET_EXCEEDED"],
    ["anthropic_program.mjs", "402 budget_denied"],
    ["ai_sdk_program.mjs", "402 BUDGET_EXCEEDED"],
  ])("%s is stopped at the budget, and the ledger is the provider's bill", async (program, refusal) => {
    const folder = join(dirname(modulesFolder()), "run-programs");
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(programs, program), join(folder, program));
    await spendsUntilRefused([process.execPath, join(folder, program)], refusal);
  });
});

describe.runIf(hasPython && versions === "newest")("programs on packages of PyPI under imprest run", () => {
  let bin = "";
  beforeAll(() => {
    bin = pythonWith(requirements);
  }, 300_000);

  it.each([
    ["openai_program.py", "402 BUDGET_EXCEEDED"],
    ["anthropic_program.py", "402 budget_denied"],
    ["google_program.py", "402 FAILED_PRECONDITION"],
  ])("%s is stopped at the budget, and the ledger is the provider's bill", async (program, refusal) => {
    await spendsUntilRefused([join(bin, "python"), join(programs, program)], refusal);
  });

  it("the coding agent mini-swe-agent works until its next call could exceed the budget, and is ended then", async () => {
    const work = { name: "bash", input: { command: "echo worked >> turns" } };
    await using bench = await openWorkbench({ answer: () => ({ outputTokens: 3_000, toolCalls: [work] }) });
    const agent = ["-m", "openai/gpt-5", "-t", "Fix the failing test.", "--yolo", "--exit-immediately", "-l", "0"];
    const run = bench.run([join(bin, "mini"), ...agent], {
      flags: ["--budget", "USD:0.50", "--on-limit", "stop"],
      // Its first start asks for a model, and its library looks for prices on the net.
      environment: { MSWEA_CONFIGURED: "true", LITELLM_LOCAL_MODEL_COST_MAP: "True" },
    });
    const { code, err } = await run.ended;
    expect(code, err).toBe(3);
    const turns = readFileSync(join(bench.folder, "turns"), "utf8").trimEnd().split("\n").length;
    expect(turns).toBeGreaterThan(2);
    expect(bench.provider.calls).toHaveLength(turns);
    const { spent, reserved } = bench.gauge();
    expect({ spent, reserved }).toEqual({ spent: bench.provider.bill, reserved: usd(0) });
    expect(spent.amount).toBeLessThanOrEqual(usd("0.50").amount);
    expect(err).toMatch(new RegExp(`^imprest run: ${turns} calls, spent .* denied`, "m"));
  });
});

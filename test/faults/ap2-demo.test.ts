import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../../examples/ap2/main.ts", import.meta.url));
const args = ["--conditions=@imprest/source", "--disable-warning=ExperimentalWarning", program];

it("issue 7: the story: charge, replay refused, crash, recovery, receipt verified", async () => {
  const { stdout } = await run(process.execPath, args);
  for (const line of [
    "charged    pi_1",
    "replay     refused",
    "SIGKILL",
    "1 payment settled",
    "receipt    authentic",
    "PSP $248.99 in 2 charges, ledger $248.99",
  ]) {
    expect(stdout).toContain(line);
  }
});

it("issue 7: DRY_RUN=1 works in the example", async () => {
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, DRY_RUN: "1" } });
  expect(stdout).toContain("the authority would answer ALLOW; nothing was reserved, nothing charged");
});

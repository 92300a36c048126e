import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../../../..");

/** Runs a module with the sources in its own process and gives what it prints. */
async function inProcess(script: string): Promise<string> {
  const args = [
    "--conditions=@imprest/source",
    "--input-type=module",
    "-e",
    `import * as core from "@imprest/core";import * as internal from "@imprest/core/internal";${script}`,
  ];
  const { stdout } = await run(process.execPath, args, { cwd: root, timeout: 10_000 });
  return stdout.trim();
}

describe("the system clock's timers", () => {
  it("keep no process alive", async () => {
    const started = performance.now();
    await inProcess("core.systemClock.setTimer(() => console.log('late'), 60_000);");
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it("keep it alive through what is awaited: a process must not end in the middle of its caller's await", async () => {
    expect(await inProcess("await internal.sleep(core.systemClock, 50); console.log('woke');")).toBe("woke");
  });

  it("take delays that a host timer cannot", async () => {
    const script = "core.systemClock.setTimer(() => console.log('at once'), 2 ** 40); setTimeout(() => {}, 100);";
    expect(await inProcess(script)).toBe("");
  });
});

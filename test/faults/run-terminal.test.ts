import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { openWorkbench } from "../../packages/imprest/test/run/running.ts";

const bin = resolve(import.meta.dirname, "../../packages/imprest/bin/imprest.js");
const onTerminal = join(import.meta.dirname, "support/on-terminal.py");
const hasPython = spawnSync("python3", ["-c", "import os, pty; os.waitstatus_to_exitcode"]).status === 0;

const fullScreen = `
import os, signal, sys, time
os.write(1, b"screen %d %d" % (all(map(os.isatty, (0, 1, 2))), os.tcgetpgrp(0) == os.getpgrp()))
pressed = []
signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
for turn in (1, 2):
    os.write(1, b" ready")
    while len(pressed) < turn: time.sleep(0.02)
    os.write(1, b" pressed-%d" % len(pressed))
os.write(1, b" end\\n")
sys.exit(4)
`;

it.runIf(hasPython)("a full-screen program keeps its terminal, and gets each Ctrl-C once", async () => {
  await using bench = await openWorkbench();
  const program = join(bench.folder, "full-screen.py");
  writeFileSync(program, fullScreen);
  const prices = join(bench.folder, "prices.json");
  const run = [process.execPath, "--conditions=@imprest/source", bin, "run", "--budget", "USD:1", "--prices", prices];
  const command = [onTerminal, ...run, "--", "python3", program];
  const { status, stdout } = spawnSync("python3", command, { encoding: "utf8", cwd: bench.folder, timeout: 60_000 });
  // The terminal itself shows ^C where the key is pressed.
  const screen = stdout.replaceAll("^C", "");
  // From its first sign to its last one, the screen is the program's alone; the summary comes after it.
  expect(screen).toContain("screen 1 1 ready pressed-1 ready pressed-2 end\r\nNOT BUDGETED");
  expect(status).toBe(4);
});

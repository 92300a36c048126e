import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { formatAmount, usd } from "@imprest/core";
import { CyclesClient } from "@imprest/cycles";
import { describe, expect, it } from "vitest";
import { serving } from "../../packages/imprest/test/serving.ts";
import { type Workbench, openWorkbench } from "../../packages/imprest/test/run/running.ts";

// The command `imprest run` as a process, with a child of its own, before a stand-in provider.

/** What the gauge says is what the provider charges, and nothing is held. */
function expectTrueBooks(bench: Workbench): void {
  const { spent, reserved } = bench.gauge();
  expect({ spent, reserved }).toEqual({ spent: bench.provider.bill, reserved: usd(0) });
}

describe("the exit code of imprest run", () => {
  it.each([
    ["the program's", "process.exit(5)", 5],
    ["128 and the number of the signal that ended the program", 'process.kill(process.pid, "SIGKILL")', 137],
    ["that of a crash", "process.abort()", 134],
  ])("is %s", async (_, end, code) => {
    await using bench = await openWorkbench();
    const { err, ...ended } = await bench.run(bench.program(`await (await ask()).text(); ${end}`)).ended;
    expect(ended.code, err).toBe(code);
    expect(bench.provider.calls).toHaveLength(1);
    expectTrueBooks(bench);
  });

  it("is 2 where the program cannot be started, and nothing waits", async () => {
    await using bench = await openWorkbench();
    const { code, err } = await bench.run(["/no/such/program"]).ended;
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("cannot be started (ENOENT)") });
  });

  it("is 2 without prices, and the command that pulls them is named", async () => {
    await using bench = await openWorkbench();
    const { code, err } = await bench.run(["true"], { flags: ["--prices", join(bench.folder, "none.json")] }).ended;
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("imprest prices pull MODEL") });
  });
});

describe("at the limit", () => {
  it("the program gets the provider's own error with status 402, and goes on", async () => {
    await using bench = await openWorkbench();
    const { code, out } = await bench.run(
      bench.program("const no = await ask(32_000); console.log(no.status, (await no.json()).error.code);"),
      { flags: ["--budget", "USD:0.01"] },
    ).ended;
    expect({ code, out }).toEqual({ code: 0, out: "402 BUDGET_EXCEEDED\n" });
    expect(bench.provider.calls).toEqual([]);
  });

  it("--on-limit stop ends the program and what it started, with exit code 3", async () => {
    await using bench = await openWorkbench();
    const grandchild = `import { spawn } from "node:child_process";
      const sleeper = spawn("sleep", ["600"]); console.log("sleeper " + sleeper.pid);
      await ask(32_000); setInterval(() => {}, 1_000);`;
    const run = bench.run(bench.program(grandchild), { flags: ["--budget", "USD:0.01", "--on-limit", "stop"] });
    const [, sleeper] = await run.printed(/sleeper (\d+)/);
    const { code, err } = await run.ended;
    expect(code).toBe(3);
    expect(err).toContain(
      `ended ${process.execPath}: the budget of this run denied a call (BUDGET_EXCEEDED), with $0 of $0.01 spent, $0 held, $0.01 left. Start it again with a higher --budget.\n`,
    );
    await expect.poll(() => existsSync(`/proc/${sleeper}`) && !isZombie(Number(sleeper))).toBe(false);
  });

  it("--on-limit stop names the budget that a file keeps, what is spent of it, and when it begins anew", async () => {
    await using bench = await openWorkbench();
    const store = join(bench.folder, "books.sqlite");
    const source = "await (await ask()).text(); await ask(32_000); setInterval(() => {}, 1_000);";
    const flags = ["--budget", "USD:0.05", "--store", store, "--every", "day", "--on-limit", "stop"];
    const { code, err } = await bench.run(bench.program(source), { flags }).ended;
    expect(code).toBe(3);
    const lines = err.split("\n").filter((line) => line.includes(`the budget of ${store} denied a call`));
    expect(lines).toEqual([
      expect.stringContaining(`, with ${formatAmount(bench.provider.bill)} of $0.05 spent, $0 held, `),
    ]);
    expect(lines[0]).toMatch(/It begins anew each day\.$/);
  });

  it("the summary names each model, its spend, denials and what is left", async () => {
    await using bench = await openWorkbench();
    const { err } = await bench.run(
      bench.program("await (await ask()).text(); await (await ask()).text(); await ask(32_000);"),
      { flags: ["--budget", "USD:0.05"] },
    ).ended;
    const { spent, remaining } = bench.gauge();
    const dollars = (amount: bigint): string => `\\$${String(Number(amount) / 1e8).replace(".", "\\.")}`;
    expect(err).toMatch(
      new RegExp(`2 calls, spent ${dollars(spent.amount)} of \\$0\\.05, 1 denied, ${dollars(remaining.amount)} left`),
    );
    expect(err).toMatch(new RegExp(`^  gpt-5: 2 calls, ${dollars(spent.amount)}$`, "m"));
  });

  it("the summary says why a request was refused before it was sent", async () => {
    await using bench = await openWorkbench();
    const { err } = await bench.run(bench.program('await ask(10, { model: "gpt-\\x1b[31m7" });')).ended;
    expect(err).toContain("0 calls, spent $0 of $1, 1 refused");
    expect(err).toContain('refused: The model "gpt-?[31m7" has no price');
  });
});

describe("a program that goes around the gateway", () => {
  it("has the summary begin with NOT BUDGETED", async () => {
    await using bench = await openWorkbench();
    const { code, err } = await bench.run(["true"]).ended;
    expect(code).toBe(0);
    expect(err.split("\n").filter((line) => line.startsWith("NOT BUDGETED: no request of this program"))).toHaveLength(
      1,
    );
  });

  it("presents a token where it ignores the base address, and not the key", async () => {
    await using bench = await openWorkbench();
    const around = `process.env.OPENAI_BASE_URL = ${JSON.stringify(`${bench.url}/v1`)}; await (await ask()).text();
      console.log(process.env.OPENAI_API_KEY, process.env.ANTHROPIC_API_KEY, process.env.GEMINI_API_KEY);`;
    const { out, err } = await bench.run(bench.program(around)).ended;
    expect(err).toContain("NOT BUDGETED");
    expect(out).toMatch(/^(?:sk-imprest-[\da-f]{48} ?){3}\n$/);
  });

  it("has its own keys with --keep-keys, and is budgeted", async () => {
    await using bench = await openWorkbench();
    const source = "console.log(process.env.OPENAI_API_KEY); await (await ask()).text();";
    const { out } = await bench.run(bench.program(source), { flags: ["--keep-keys"] }).ended;
    expect(out).toBe("sk-real-openai\n");
    expectTrueBooks(bench);
    expect(bench.provider.calls).toHaveLength(1);
  });
});

describe("signals and crashes", () => {
  it("SIGINT reaches the whole group, and the gateway settles the call that was open", async () => {
    await using bench = await openWorkbench();
    bench.provider.next({ delayMs: 60_000 });
    const source = `import { spawn } from "node:child_process";
      const sleeper = spawn("sleep", ["600"]); console.log("sleeper " + sleeper.pid); await ask();`;
    const run = bench.run(bench.program(source));
    const [, sleeper] = await run.printed(/sleeper (\d+)/);
    await expect.poll(() => bench.provider.calls.length).toBe(1);
    run.process.kill("SIGINT");
    const { code, err } = await run.ended;
    expect(code).toBe(130);
    expect(err).toContain("1 call, spent");
    expect(err).toContain("1 settled by an estimate");
    await expect.poll(() => existsSync(`/proc/${sleeper}`) && !isZombie(Number(sleeper))).toBe(false);
    const { spent, reserved } = bench.gauge();
    expect(reserved).toEqual(usd(0));
    // The provider works on what nobody reads any more: the books hold the most that it can charge.
    expect(spent.amount).toBeGreaterThanOrEqual(bench.provider.bill.amount);
  });

  it("a program that crashes in the middle of a stream leaves books that are not below the bill", async () => {
    await using bench = await openWorkbench();
    bench.provider.next({ outputTokens: 80, eventDelayMs: 50 });
    const source = `const answer = await ask(100, { stream: true });
      for await (const _ of answer.body) process.abort();`;
    const { code } = await bench.run(bench.program(source)).ended;
    expect(code).toBe(134);
    const { spent, reserved } = bench.gauge();
    expect(reserved).toEqual(usd(0));
    expect(spent.amount).toBeGreaterThanOrEqual(bench.provider.bill.amount);
    expect(bench.provider.bill.amount).toBeGreaterThan(0n);
  });

  it("after a SIGKILL the next run on the same store commits what was open, and no key is in the files", async () => {
    await using bench = await openWorkbench();
    const store = ["--store", join(bench.folder, "books.sqlite"), "--every", "day"];
    bench.provider.next({}, { delayMs: 60_000 });
    const run = bench.run(bench.program("await (await ask()).text(); await ask(1_000);"), { flags: store });
    await expect.poll(() => bench.provider.calls.length, { timeout: 20_000 }).toBe(2);
    run.process.kill("SIGKILL");
    await run.ended;
    for (const file of readdirSync(bench.folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) expect(readFileSync(join(file.parentPath, file.name), "latin1")).not.toContain("sk-real-");
    }

    const { code, err } = await bench.run(["true"], { flags: store }).ended;
    expect(code).toBe(0);
    expect(err).toContain("1 call of a run that was killed: settled as an estimate");
    const { spent, reserved } = bench.gauge();
    const [first, second] = bench.provider.calls;
    expect(reserved).toEqual(usd(0));
    expect(spent.amount).toBeGreaterThanOrEqual(bench.provider.bill.amount);
    // The open call stands with what it had reserved: its prompt, and a thousand tokens of answer.
    expect(second?.state).not.toBe("answered");
    expect(spent.amount - (first?.billed.amount ?? 0n)).toBeGreaterThanOrEqual(usd("0.01").amount);
  });
});

describe("a budget that outlasts a run", () => {
  it("is kept in the store, one run at a time, and begins anew the next day", async () => {
    await using bench = await openWorkbench();
    const flags = ["--store", join(bench.folder, "books.sqlite"), "--every", "day"];
    const one = bench.program("console.log((await ask()).status);");
    await bench.run(one, { flags }).ended;
    const afterOne = bench.gauge().spent.amount;
    const waiting = bench.run(bench.program('console.log("up"); setInterval(() => {}, 1_000);'), { flags });
    await waiting.printed(/^up$/m);
    const { code, err } = await bench.run(one, { flags }).ended;
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("one process at a time") });
    waiting.process.kill("SIGTERM");
    expect((await waiting.ended).code).toBe(143);

    await bench.run(one, { flags }).ended;
    expect(bench.gauge().spent.amount).toBe(2n * afterOne);
    const tomorrow = "--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now()+86_400_000;";
    await bench.run(one, { flags, environment: { NODE_OPTIONS: tomorrow } }).ended;
    expect(bench.gauge().spent.amount).toBe(afterOne);
  });

  it("is shared by two runs before one server, and neither can spend what the other has", async () => {
    await using bench = await openWorkbench({ answer: () => ({ outputTokens: 1_500 }) });
    const key = `cyc_live_${crypto.randomUUID()}`;
    const flags = ["--port", "0", "--fill-in-tenant", "--key", `acme=${key}`, "--budget", "tenant:acme=USD:0.10"];
    const { out, stop } = await serving(flags, /Serving .*\n/);
    const url = /at (http:\S+?),? /.exec(out())?.[1] ?? "";
    const environment = { CYCLES_API_KEY: key, CYCLES_TENANT: "acme" };
    const source = `console.log("key " + process.env.CYCLES_API_KEY);
      for (;;) { const answer = await ask(2_000); await answer.text(); if (answer.status === 402) process.exit(7); }`;
    const command = bench.program(source);
    const runs = [1, 2].map(() => bench.run(command, { flags: ["--server", url], environment }).ended);
    for (const { code, out: printed, err } of await Promise.all(runs)) {
      expect(code, err).toBe(7);
      expect(printed).toBe("key undefined\n");
      expect(err).toMatch(/calls?, spent \S+ of \$0\.1, \d+ denied/);
    }
    const client = new CyclesClient({ baseUrl: url, apiKey: key, subject: { tenant: "acme" } });
    const { spent, reserved } = (await client.getBalances({ tenant: "acme" }).first()).balances[0] ?? {};
    expect({ spent, reserved }).toMatchObject({ spent: bench.provider.bill, reserved: usd(0) });
    expect(bench.provider.bill.amount).toBeLessThanOrEqual(usd("0.10").amount);
    await stop();
  });
});

/** Whether a process has ended, and nobody has asked how. */
function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

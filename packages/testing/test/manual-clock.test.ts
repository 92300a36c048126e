import { setTimeout as wait } from "node:timers/promises";
import { createManualClock } from "@imprest/testing";
import { describe, expect, it } from "vitest";

/** Waits on the clock under test. */
const sleep = (clock: ReturnType<typeof createManualClock>, ms: number): Promise<number> =>
  new Promise((resolve) => void clock.setTimer(() => resolve(clock.monotonic()), ms));

describe("a manual clock", () => {
  it("fires what is due in order, timers set on the way included, and lets promises run between them", async () => {
    const clock = createManualClock();
    const log: unknown[] = [];
    const work = (async () => {
      log.push(await sleep(clock, 10));
      log.push(await sleep(clock, 10));
    })();
    clock.setTimer(() => log.push("at 15"), 15);
    await clock.advance(20);
    await work;
    expect([log, clock.now(), clock.timers]).toEqual([[10, "at 15", 20], 1_800_000_000_020, 0]);
  });

  it("drives work through every timer it waits for, and no further", async () => {
    const clock = createManualClock();
    clock.setTimer(() => expect.unreachable(), 5_000);
    const work = async (): Promise<number> => (await sleep(clock, 1_000)) + (await sleep(clock, 3_000));
    expect(await clock.drive(work())).toBe(5_000);
    expect(clock.monotonic()).toBe(4_000);
    await expect(clock.drive(Promise.reject(new Error("refused")))).rejects.toThrow("refused");
  });

  it("reports work that hangs: with no timer left, or past its limit", async () => {
    const clock = createManualClock();
    await expect(clock.drive(new Promise(() => {}))).rejects.toThrow("hangs");
    await expect(clock.drive(sleep(clock, 60_001), 60_000)).rejects.toThrow("within 60000 ms");
    expect(clock.monotonic()).toBeLessThanOrEqual(60_000);
  });

  it("jumps its wall clock alone, and stalls without firing what is due meanwhile", async () => {
    const clock = createManualClock(0);
    let fired = 0;
    clock.setTimer(() => (fired = clock.monotonic()), 10);
    clock.jump(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
    clock.stall(30);
    await wait(1);
    expect([fired, clock.now(), clock.monotonic()]).toEqual([0, 1_030, 30]);
    await clock.advance(0);
    expect(fired).toBe(30);
  });
});

import type { Worker } from "../../src/worker.ts";
import { afterEach, describe, expect, it, vi } from "vitest";

// Elsewhere than on Linux a machine is known by its host name and its network cards.

const machine = { cards: [] as string[] };

vi.mock("node:fs", async (original) => ({
  ...(await original<object>()),
  readlinkSync: () => {
    throw new Error("no /proc");
  },
}));
vi.mock("node:os", () => ({
  hostname: () => "build",
  networkInterfaces: () => ({ en0: machine.cards.map((mac) => ({ mac, internal: false })) }),
}));

/** The worker of a process of a machine with these cards. */
async function workerOn(...cards: string[]): Promise<Worker> {
  machine.cards = cards;
  vi.resetModules();
  const { worker } = await import("../../src/node/worker.ts");
  expect(worker.name).toMatch(/^[0-9a-f]{32}:\d+:[0-9a-f]{16}$/);
  return worker;
}

/** A process id that no process of this machine has: above the largest one. */
const goneOn = ({ name }: Worker): string => `${name.split(":")[0]}:4194999:0011223344556677`;

describe("a process that this machine does not run", () => {
  afterEach(() => vi.resetModules());

  it("is dead when its name is of this machine", async () => {
    const here = await workerOn("02:00:00:00:00:01");
    const again = await workerOn("02:00:00:00:00:01");
    expect(here.isDead(goneOn(again))).toBe(true);
    expect(here.isDead(again.name)).toBe(false);
  });

  it("is not dead when it is of another machine with the same host name", async () => {
    const here = await workerOn("02:00:00:00:00:01");
    const there = await workerOn("02:00:00:00:00:02");
    expect(here.isDead(goneOn(there))).toBe(false);
  });

  it("is not dead when nothing says which machine this is", async () => {
    const here = await workerOn();
    const there = await workerOn();
    expect(here.isDead(goneOn(there))).toBe(false);
  });
});

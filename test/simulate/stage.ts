import type { Observer } from "@imprest/core";
import { Disk } from "./disk.ts";
import { House } from "./house.ts";
import { type Crash, type Trouble, lastTroubleMs } from "./trouble.ts";
import { Worker } from "./worker.ts";
import { World } from "./world.ts";

/** Who takes down what happens. */
export interface Witness {
  /** A worker starts: its events go to this observer. */
  listen(observer: Observer): void;
  /** A request leaves a worker. */
  sent(url: string, body: string): void;
  /** A worker died. */
  died(worker: number): void;
}

/** The world, the authority and the workers of one run, with everything that goes wrong on its way. */
export class Stage {
  readonly world: World = new World();
  readonly house: House;
  readonly workers: readonly Worker[];
  readonly #trouble: Trouble;
  readonly #witness: Witness;

  constructor(trouble: Trouble, witness: Witness) {
    const { world } = this;
    this.#trouble = trouble;
    this.#witness = witness;
    this.house = new House(world, trouble);
    const disks = trouble.isForgetful ? [] : Array.from({ length: trouble.workers }, () => new Disk());
    this.workers = Array.from({ length: trouble.workers }, (_, index) => {
      const disk = disks[trouble.isShared ? 0 : index];
      const crash = (one: Crash): void => this.#crash(one);
      return new Worker(index, { world, trouble, house: this.house, disk, witness, crash });
    });
  }

  /** Opens the budgets, starts the workers, and sets what will go wrong. */
  async open(allocated: number, agents: readonly string[]): Promise<void> {
    const { world, workers } = this;
    await this.until(this.house.found(allocated, agents));
    for (const worker of workers) worker.start();
    const { crashes, freezes, jumps } = this.#trouble;
    for (const one of crashes) if ("atMs" in one.when) world.at(one.when.atMs, world.ever, () => this.#crash(one));
    for (const { worker, atMs, forMs } of freezes) {
      world.at(atMs, world.ever, () => workers[worker]?.life.freeze(world.elapsed + forMs));
    }
    for (const { worker, atMs, byMs } of jumps) world.at(atMs, world.ever, () => workers[worker]?.jump(byMs));
  }

  /** Lets time go on until `work` has ended. */
  async until<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const done = work.finally(() => (isDone = true));
    await this.world.run(this.world.elapsed + 3_600_000, () => isDone);
    if (!isDone) throw new Error("the simulator waits for something that never comes");
    return done;
  }

  #crash({ who, downMs }: Crash): void {
    const { world, house } = this;
    if (world.elapsed >= lastTroubleMs) return;
    const isHoused = this.#trouble.wire === "embedded";
    const isAuthority = isHoused || who === "authority";
    const hit = this.workers.filter(({ index }) => isHoused || index === who);
    for (const worker of hit) {
      worker.kill();
      this.#witness.died(worker.index);
    }
    if (isAuthority) house.kill();
    world.at(world.elapsed + downMs, world.ever, () => {
      if (isAuthority && house.served === undefined) house.start();
      for (const worker of hit) worker.start();
    });
  }
}

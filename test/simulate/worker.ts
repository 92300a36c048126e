import { Chance } from "../fuzz/mutate.ts";
import {
  type HttpRequest,
  Observer,
  type SettlementQueue,
  type SpendAuthority,
  settlementQueue,
  silentLogger,
} from "@imprest/core";
import { AspAuthority } from "@imprest/asp";
import { CyclesAuthority } from "@imprest/cycles";
import { type Disk, recordStoreOn } from "./disk.ts";
import { type House, origin, tenant } from "./house.ts";
import type { Witness } from "./stage.ts";
import { type Crash, type DiskFault, type Disturbance, type Trouble, lastTroubleMs } from "./trouble.ts";
import { Life, type World } from "./world.ts";

export interface WorkerParts {
  readonly world: World;
  readonly trouble: Trouble;
  readonly house: House;
  readonly disk: Disk | undefined;
  readonly witness: Witness;
  readonly crash: (crash: Crash) => void;
}

/** One process of the users': it makes calls, dies, comes back and recovers what its store has. */
export class Worker {
  readonly index: number;
  readonly #parts: WorkerParts;
  readonly #disturbances: ReadonlyMap<number, Disturbance>;
  readonly #diskFaults: ReadonlyMap<number, DiskFault>;
  readonly #crashes: readonly Crash[];
  #requests = 0;
  #writes = 0;
  #wallBy = 0;
  #life = new Life();
  #authority: SpendAuthority | undefined;

  constructor(index: number, parts: WorkerParts) {
    this.index = index;
    this.#parts = parts;
    const { network, disks } = parts.trouble;
    this.#disturbances = new Map(network.filter(({ worker }) => worker === index).map((one) => [one.nth, one]));
    this.#diskFaults = new Map(disks.filter(({ worker }) => worker === index).map((one) => [one.nth, one]));
    this.#crashes = parts.trouble.crashes.filter(({ who }) => who === index);
  }

  get life(): Life {
    return this.#life;
  }

  /** `undefined` while it is down. */
  get authority(): SpendAuthority | undefined {
    return this.#authority;
  }

  get queue(): SettlementQueue | undefined {
    return this.#authority && settlementQueue(this.#authority);
  }

  start(): void {
    if (this.#authority !== undefined) return;
    const life = new Life();
    this.#life = life;
    this.#authority = this.#connect(life);
    this.queue?.recover().catch(() => {});
  }

  kill(): void {
    this.#life.end();
    this.#authority = undefined;
  }

  /** Moves its wall clock only. */
  jump(byMs: number): void {
    this.#wallBy += byMs;
  }

  #nextRequest({ url, body = "" }: HttpRequest): Disturbance["fault"] | undefined {
    const nth = (this.#requests += 1);
    this.#parts.witness.sent(url, body);
    this.#crashAt(({ when }) => ("request" in when && when.request === nth ? when.afterMs : undefined));
    return this.#isTroubled ? this.#disturbances.get(nth)?.fault : undefined;
  }

  #nextWrite(): DiskFault["fault"] | undefined {
    const nth = (this.#writes += 1);
    this.#crashAt(({ when }) => ("write" in when && when.write === nth ? when.afterMs : undefined));
    return this.#isTroubled ? this.#diskFaults.get(nth)?.fault : undefined;
  }

  get #isTroubled(): boolean {
    return this.#parts.world.elapsed < lastTroubleMs;
  }

  #crashAt(delayOf: (crash: Crash) => number | undefined): void {
    const { world, crash } = this.#parts;
    for (const one of this.#crashes) {
      const delayMs = delayOf(one);
      if (delayMs === 0) crash(one);
      else if (delayMs !== undefined) world.at(world.elapsed + delayMs, this.#life, () => crash(one));
    }
  }

  #connect(life: Life): SpendAuthority {
    const { world, house, disk, witness, trouble } = this.#parts;
    const observer = new Observer(silentLogger);
    witness.listen(observer);
    const clock = world.clockOf(life, () => this.#wallBy);
    const records = disk && recordStoreOn(disk, life, world, () => this.#nextWrite());
    // The jitter of retries, of each life its own: a run is the same whenever it is repeated.
    const chance = new Chance(Math.floor(world.elapsed) + this.index);
    const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => chance.below(256));
    const environment = { observer, clock, random, logger: silentLogger, ...(records && { records }) };
    if (trouble.wire === "embedded") {
      const terms = { overage_policy: trouble.overage };
      const served = house.served as NonNullable<typeof house.served>;
      return served.authority({ tenant, ttlMs: trouble.ttlMs, terms, ...environment });
    }
    const transport = house.transportOf(life, (request) => this.#nextRequest(request));
    const { apiKey } = house;
    if (trouble.wire === "asp") {
      const budget = ({ subject }: { readonly subject?: { readonly agent?: string | undefined } | undefined }) => ({
        budgetId: `tenant:${tenant}/agent:${subject?.agent}`,
      });
      return new AspAuthority({ baseUrl: origin, apiKey, transport, clock }, { budget, ...environment });
    }
    return new CyclesAuthority(
      { baseUrl: origin, apiKey, subject: { tenant }, transport, clock, logger: silentLogger },
      { ttlMs: trouble.ttlMs, terms: { overage_policy: trouble.overage }, ...environment },
    );
  }
}

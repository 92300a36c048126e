import {
  ConnectionError,
  type HttpRequest,
  type HttpResponse,
  type Transport,
  silentLogger,
  usdMicrocents,
} from "@imprest/core";
import { type EmbeddedAuthority, createEmbeddedAuthority } from "@imprest/embedded";
import { transportTo } from "@imprest/testing";
import { ledgerStoreOn } from "./disk.ts";
import type { Disturbance, Plan } from "./plan.ts";
import { Life, type World } from "./world.ts";

export const unit = "USD_MICROCENTS";
export const tenant = "acme";
export const origin = "https://authority.example";

/** A signing key for the Agent Spend Protocol; signatures are not what is simulated. */
const signingKey = { kid: "k1", privateKey: Uint8Array.from({ length: 32 }, (_, at) => at + 7) };

/** What a request waits on its way; the answer likewise. */
const wayMs = 3;
/** Longer than a client waits for an answer. */
const lateMs = 7_000;
const slowMs = 2_500;

type Served = EmbeddedAuthority<{ readonly asp: { readonly issuer: string; readonly signingKey: typeof signingKey } }>;

/** The authority: its store, which stays, and the process that serves it, which may die and come back. */
export class House {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #entries = new Map<string, string>();
  #life = new Life();
  #served: Served | undefined;
  apiKey = "";

  constructor(world: World, plan: Plan) {
    this.#world = world;
    this.#plan = plan;
  }

  get served(): Served | undefined {
    return this.#served;
  }

  /** Creates the budgets: the tenant's, and one of each call's own, in which its spend is found again. */
  async found(): Promise<void> {
    this.start();
    const { calls, allocated } = this.#plan;
    const served = this.#served as Served;
    await served.budgets.create({ scope: { tenant }, allocated: usdMicrocents(BigInt(allocated)) });
    for (const { name } of calls) {
      await served.budgets.create({ scope: { tenant, agent: name }, allocated: usdMicrocents(1_000_000n) });
    }
    this.apiKey = (await served.apiKeys.create({ tenant })).key;
  }

  start(): void {
    const life = new Life();
    this.#life = life;
    this.#served = createEmbeddedAuthority({
      clock: this.#world.clockOf(life),
      store: ledgerStoreOn(this.#entries, life, this.#world),
      logger: silentLogger,
      asp: {
        issuer: origin,
        signingKey,
        ttlMs: this.#plan.ttlMs,
        overagePolicy: this.#plan.overage === "REJECT" ? "REJECT" : "CHARGE_OVERAGE",
      },
    });
  }

  kill(): void {
    this.#life.end();
    this.#served = undefined;
  }

  /** The network between a worker and the authority. `disturbed` says what befalls the worker's next request. */
  transportOf(life: Life, disturbed: (request: HttpRequest) => Disturbance["fault"] | undefined): Transport {
    return (request, limits) => {
      const fault = disturbed(request);
      const exchange = this.#exchange(life, request, limits, fault);
      return new Promise((resolve, reject) => {
        limits.onAbort(reject);
        exchange.then(resolve, reject);
      });
    };
  }

  async #exchange(
    life: Life,
    request: Parameters<Transport>[0],
    limits: Parameters<Transport>[1],
    fault: Disturbance["fault"] | undefined,
  ): Promise<HttpResponse> {
    await this.#world.pause(life, fault === "late" ? lateMs : wayMs);
    if (fault === "refused" || this.#served === undefined) throw reset();
    if (fault === "503") return { status: 503, headers: { "content-type": "text/html" }, body: "<h1>busy</h1>" };
    const answer = await this.#deliver(request, limits);
    if (fault === "doubled") await this.#deliver(request, limits).catch(() => {});
    await this.#world.pause(life, fault === "slow" ? slowMs : wayMs);
    if (fault === "lost") throw reset();
    if (fault === "cut") return { ...answer, body: answer.body.slice(0, answer.body.length >> 1) };
    if (fault === "garbage") return { status: 200, headers: { "content-type": "text/html" }, body: "<h1>hello</h1>" };
    return answer;
  }

  /** The request arrives, whoever still waits for the answer; an authority that dies gives none. */
  #deliver(request: Parameters<Transport>[0], limits: Parameters<Transport>[1]): Promise<HttpResponse> {
    const life = this.#life;
    const served = this.#served;
    if (served === undefined) return Promise.reject(reset());
    const unaborted: Parameters<Transport>[1] = {
      signal: new AbortController().signal,
      onAbort() {},
      throwIfAborted() {},
      maxResponseBytes: limits.maxResponseBytes,
    };
    return new Promise<HttpResponse>((resolve, reject) => {
      const stopListening = life.onEnd(() => reject(reset()));
      transportTo(served)(request, unaborted).then(resolve, reject).finally(stopListening);
    });
  }
}

function reset(): ConnectionError {
  return new ConnectionError("The connection was reset.");
}

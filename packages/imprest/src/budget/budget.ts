import {
  type CallOptions,
  ConfigurationError,
  type SpendAuthority,
  type SpendEvents,
  type Subject,
  settlementQueue,
} from "@imprest/core";
import { refuseUnknownOptions, subjectLevels } from "@imprest/core/internal";
import {
  type GuardFetchOptions,
  type GuardPrices,
  type ModelPrices,
  createPrefixMap,
  createPriceTable,
  guardFetch,
} from "@imprest/llm";
import type { Balance } from "./balance.ts";
import { speakingFor } from "./speaking-for.ts";
import { type ThresholdEvent, watchThresholds } from "./thresholds.ts";

/** What a budget emits. */
export interface BudgetEvents {
  /** The spend reached a share of the limit, 80, 95 or 100 % by default: the highest one since the last settlement. */
  threshold: ThresholdEvent;
  /** A call was refused before it started. */
  denied: SpendEvents["decision"];
  /** A call was settled: committed, released, or left pending. */
  settled: SpendEvents["settlement"];
}

/** A budget that guards model calls and whatever else spends, wherever its books are kept. */
export interface Budget {
  /** Give it to any SDK that takes a `fetch`: every attempt is reserved before it leaves, and settled by its answer. */
  readonly fetch: typeof fetch;
  /** What every helper takes: `withReservation(budget, …)`, `guard(budget, …)`. */
  readonly authority: SpendAuthority;
  /** How `fetch` guards, prices included: adapters of hosts (`@imprest/ai-sdk`) guard model calls with the same. */
  readonly guardOptions: GuardFetchOptions;
  /**
   * Limit, spend, holds and what is left.
   * @throws ConfigurationError where the authority has no such budget, or does not say all of it.
   */
  balance(options?: CallOptions): Promise<Balance>;
  /** The same budget for calls of a part of the application: `budget.for({ agent: "writer" })`. */
  for(subject: Subject): Budget;
  /**
   * Waits until what was spent is in the books: in a Worker `ctx.waitUntil(budget.flush())`, in Next `after(() => budget.flush())`.
   * @returns how many settlements are still under way when `timeoutMs` (10,000 by default) ends.
   */
  flush(options?: { readonly timeoutMs?: number | undefined }): Promise<{ readonly pending: number }>;
  /**
   * Listens to all calls of the authority, those of other parts included. A listener that throws breaks no call.
   * @returns the function that unsubscribes.
   */
  on<Name extends keyof BudgetEvents>(name: Name, listener: (event: BudgetEvents[Name]) => unknown): () => void;
}

/** How the guarded fetch of a budget works, and what it prices with. */
export interface BudgetGuardOptions extends Omit<GuardFetchOptions, "prices" | "subject" | "prefixes"> {
  /** What models cost: the object of a `prices.json` that `imprest prices pull` wrote, or a table of `createPriceTable`. */
  readonly prices: Readonly<Record<string, ModelPrices>> | GuardPrices;
  /** The shares of the limit, in whole percent, at which `threshold` is emitted. By default: 80, 95, 100. */
  readonly thresholds?: readonly number[] | undefined;
}

/** A budget's parts. */
export interface BudgetParts {
  /** Opens the authority; called once, when the budget is first used. */
  readonly open: () => SpendAuthority;
  readonly subject: Subject | undefined;
  /** The unit that `balance` reports in. */
  readonly unit: string;
  readonly guard: GuardOptions;
}

/** The options with the prices read. */
type GuardOptions = Omit<BudgetGuardOptions, "prices"> & { readonly prices: GuardPrices };

const levels: ReadonlySet<string> = new Set<keyof Subject>([...subjectLevels, "dimensions"]);

const known: ReadonlySet<string> = new Set<keyof BudgetGuardOptions>([
  "prices",
  "thresholds",
  "fetch",
  "tags",
  "estimate",
  "tokens",
  "extraInputTokens",
  "extraUnits",
  "hidesReasoning",
  "billedStatuses",
  "isFree",
  "settleLater",
  "waitMs",
  "onReport",
  "failOpen",
  "leaseLoss",
  "onSettlement",
  "timeoutMs",
  "honours",
  "idleMs",
  "longestMs",
]);

/**
 * Checks the options of a budget's fetch, and reads the prices.
 * @throws ConfigurationError naming the option that there is not, the threshold, or the model and the price that is none.
 */
export function checkedOptions({ prices, ...options }: BudgetGuardOptions): GuardOptions {
  refuseUnknownOptions(options, known);
  if (typeof prices !== "object" || prices === null) {
    throw new ConfigurationError("prices is missing: the object of prices.json, or a table of createPriceTable.");
  }
  for (const threshold of options.thresholds ?? []) {
    if (Number.isSafeInteger(threshold) && threshold > 0) continue;
    throw new ConfigurationError(`thresholds must be whole percents above 0, and ${String(threshold)} is none.`);
  }
  return { ...options, prices: isTable(prices) ? prices : createPriceTable(prices) };
}

function isTable(prices: BudgetGuardOptions["prices"]): prices is GuardPrices {
  return typeof prices["estimateRequest"] === "function";
}

/** @throws ConfigurationError for what is no subject. A misspelt level would make a part's limit that of the whole. */
function checkSubject(subject: unknown): asserts subject is Subject {
  if (typeof subject !== "object" || subject === null || Array.isArray(subject)) {
    throw new ConfigurationError('A part is named by a subject, such as { agent: "writer" }.');
  }
  for (const [level, name] of Object.entries(subject)) {
    if (!levels.has(level)) {
      throw new ConfigurationError(`${level} is no level of a subject; there are ${[...levels].join(", ")}.`);
    }
    if (level === "dimensions" || name === undefined || name === null || typeof name === "string") continue;
    throw new ConfigurationError(`${level} of a subject is a text, and ${typeof name} is none.`);
  }
}

/** A budget over any authority. It does nothing until it is used: Workers forbid I/O while a module loads. */
export class AuthorityBudget implements Budget {
  readonly fetch: typeof fetch;
  readonly guardOptions: GuardFetchOptions;
  protected readonly parts: BudgetParts;
  #authority: SpendAuthority | undefined;
  #guarded: typeof fetch | undefined;

  constructor(parts: BudgetParts) {
    const { thresholds: _thresholds, ...options } = parts.guard;
    this.parts = parts;
    this.guardOptions = { ...options, subject: parts.subject, prefixes: createPrefixMap() };
    // SDKs take it off the budget.
    this.fetch = (input, init) => (this.#guarded ??= guardFetch(this.authority, this.guardOptions))(input, init);
  }

  get authority(): SpendAuthority {
    return (this.#authority ??= this.#open());
  }

  async balance(options?: CallOptions): Promise<Balance> {
    const { unit } = this.parts;
    const { limit, spent, reserved, remaining } = (await this.authority.balance?.({ unit }, options)) ?? {};
    if (limit === undefined || spent === undefined || reserved === undefined || remaining === undefined) {
      throw new ConfigurationError(`The authority has no budget in ${unit} here, or does not say how it stands.`);
    }
    return { limit, spent, reserved, remaining };
  }

  for(subject: Subject, ...more: readonly unknown[]): Budget {
    if (more.some((one) => one !== undefined)) {
      throw new ConfigurationError(
        "The limit of a part is set where the budget is kept, not by connectBudget().for().",
      );
    }
    return new AuthorityBudget(this.partsFor(subject));
  }

  flush({ timeoutMs = 10_000 }: { readonly timeoutMs?: number | undefined } = {}): Promise<{
    readonly pending: number;
  }> {
    return settlementQueue(this.authority).flush({ timeoutMs });
  }

  on<Name extends keyof BudgetEvents>(name: Name, listener: (event: BudgetEvents[Name]) => unknown): () => void {
    if (!["threshold", "denied", "settled"].includes(name)) {
      throw new ConfigurationError(`There is no event ${name}; there are threshold, denied and settled.`);
    }
    const { observer } = settlementQueue(this.authority);
    if (name === "settled") return observer.on("settlement", listener as (event: BudgetEvents["settled"]) => unknown);
    if (name === "threshold") {
      const { thresholds } = this.parts.guard;
      const emit = listener as (event: ThresholdEvent) => unknown;
      return watchThresholds(observer, () => this.balance(), { thresholds, emit });
    }
    const denied = listener as (event: BudgetEvents["denied"]) => unknown;
    return observer.on("decision", (event) => (event.reservationId === undefined ? denied(event) : undefined));
  }

  /** The parts of the same budget for a narrower subject. */
  protected partsFor(subject: Subject): BudgetParts {
    const { parts } = this;
    checkSubject(subject);
    return { ...parts, open: () => this.authority, subject: { ...parts.subject, ...subject } };
  }

  #open(): SpendAuthority {
    const { open, subject } = this.parts;
    const authority = open();
    return subject === undefined ? authority : speakingFor(authority, subject);
  }
}

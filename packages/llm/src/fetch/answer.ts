import { mergeUsage } from "../usage/merge-usage.ts";
import { EventSplitter, dataOf } from "./event-splitter.ts";
import { parsed } from "./read-bounded.ts";
import { seenTokens } from "./seen-text.ts";
import { type Bag, type Wire, isBag, text } from "./wires/wire.ts";

/** The longest event (it may hold an image); a stream with a longer one passes through unread. */
const longestEvent = 32 * 1024 * 1024;

/** What can be handed out, and whether it must wait for the settlement. */
export interface Taken {
  readonly bytes: readonly Uint8Array[];
  /** `last`: nothing follows that matters; `complete`: the usage is known, and more may follow. */
  readonly state: "open" | "complete" | "last";
}

/** What an answer has said so far. */
export class Seen {
  readonly isStream: boolean = false;
  /** The provider's usage object, merged of what events stated. */
  usage: unknown;
  /** The answer is done, and `usage` is the whole, where there is one. */
  isDone = false;
  /** The most tokens that the text seen can be. */
  tokens = 0;
  /** The model that the provider says answered. */
  model: string | undefined;
  /** The answer is the provider's own error and nothing else. */
  isError = false;
  /** An answer that came whole. */
  whole: Bag | undefined;
  /** What the provider's tools were called for, by what it is charged as. */
  readonly #calls = new Map<string, Set<unknown>>();
  readonly #ended = new Set<unknown>();
  readonly #answers: number;

  /** @param answers how many the request asked for. */
  constructor(answers: number) {
    this.#answers = answers;
  }

  /** How often what is charged apiece was seen to be called. */
  get units(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#calls].map(([unit, ids]) => [unit, ids.size]));
  }

  /** Reads an event, or a whole answer. @returns whether nothing follows that matters. */
  protected note(wire: Wire, event: Bag): boolean {
    const { usage = usageBeside(event), isDone = false, isLast = false, ended = [] } = wire.read(event);
    if (wire.statesUsageByAnswer !== true || this.#answers === 1 || !this.isStream)
      this.usage = mergeUsage(this.usage, usage);
    for (const { unit, id } of wire.calls?.(event) ?? []) {
      const ids = this.#calls.get(unit) ?? new Set();
      this.#calls.set(unit, ids.add(id));
    }
    for (const one of ended) this.#ended.add(one);
    this.isDone ||= isDone || this.#ended.size >= this.#answers;
    this.model = modelOf(event) ?? this.model;
    if (wire.repeats?.(event) !== true) this.tokens += seenTokens(event);
    return isLast;
  }
}

/** An answer that came whole; without `bytes`, one too long to be read. */
export class WholeAnswer extends Seen {
  /** @param answers how many the request asked for. */
  constructor(wire: Wire, bytes: Uint8Array | undefined, length: number, answers = 1) {
    super(answers);
    const answer = bytes && parsed(bytes);
    // Without `alt=sse`, Gemini streams a list, which ends as the events do.
    const isList = Array.isArray(answer);
    for (const event of isList ? answer : [answer]) if (isBag(event)) this.note(wire, event);
    this.isError = this.usage === undefined && isErrorAlone(answer);
    this.isDone = isList ? this.isError || (this.isDone && !answer.some(isProvidersError)) : true;
    if (isBag(answer)) this.whole = answer;
    else if (!isList) this.tokens = length;
  }
}

/** Reads a stream of events while it passes through. */
export class StreamedAnswer extends Seen {
  override readonly isStream = true;
  readonly #wire: Wire;
  readonly #hidesUsage: boolean;
  readonly #splitter = new EventSplitter(longestEvent);
  readonly #decoder = new TextDecoder();

  /** @param hidesUsage the usage was asked for by us: its event is taken out again. */
  constructor(wire: Wire, hidesUsage: boolean, answers = 1) {
    super(answers);
    this.#wire = wire;
    this.#hidesUsage = hidesUsage;
  }

  take(bytes: Uint8Array): Taken {
    const kept: Uint8Array[] = [];
    let isLast = false;
    for (const event of this.#splitter.push(bytes)) isLast = this.#read(event, kept) || isLast;
    const isComplete = this.isDone && this.usage !== undefined;
    return { bytes: this.#hidesUsage ? kept : [bytes], state: isLast ? "last" : isComplete ? "complete" : "open" };
  }

  /** What is left to hand out when the stream has ended. */
  end(): readonly Uint8Array[] {
    const kept: Uint8Array[] = [];
    this.#read(this.#splitter.end(), kept);
    return this.#hidesUsage ? kept : [];
  }

  /** @returns whether nothing follows that matters. */
  #read(bytes: Uint8Array, kept: Uint8Array[]): boolean {
    const event = this.#splitter.overflow ? undefined : dataOf(bytes, this.#decoder);
    if (isBag(event)) {
      if (!this.#hidesUsage || this.#wire.isUsageAlone?.(event) !== true) kept.push(bytes);
      return this.note(this.#wire, event);
    }
    kept.push(bytes);
    this.isDone ||= event === "end";
    // What cannot be read may be text of the answer.
    if (event === undefined) this.tokens += bytes.length;
    return event === "end";
  }
}

/** The provider's own form of an error: it has refused, or failed before it charged. */
export function isProvidersError(answer: unknown): boolean {
  const first: unknown = Array.isArray(answer) ? answer[0] : answer;
  const error = isBag(first) ? first["error"] : undefined;
  return isBag(error) && (typeof error["message"] === "string" || typeof error["type"] === "string");
}

function isErrorAlone(answer: unknown): boolean {
  const one: unknown = Array.isArray(answer) && answer.length === 1 ? answer[0] : answer;
  return isBag(one) && isProvidersError(one) && Object.keys(one).length <= 3;
}

/** The usage of an error, which no wire has a place for: beside it or within it. */
function usageBeside(event: Bag): unknown {
  const { error } = event;
  if (!isBag(error)) return undefined;
  const within = [event, event["response"], error].filter(isBag);
  return within.map(({ usage, usageMetadata }) => usage ?? usageMetadata).find((usage) => isBag(usage));
}

function modelOf(event: Bag): string | undefined {
  for (const one of [event, event["response"], event["message"]]) {
    const name = isBag(one) ? (text(one, "model") ?? text(one, "modelVersion") ?? text(one, "modelId")) : undefined;
    if (name !== undefined) return name;
  }
  return undefined;
}

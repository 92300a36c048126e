import { mergeUsage } from "../usage/merge-usage.ts";
import { EventSplitter, dataOf } from "./event-splitter.ts";
import { joined } from "./read-bounded.ts";
import { seenTokens } from "./seen-text.ts";
import { type Bag, type Wire, isBag, text } from "./wires/wire.ts";

/** What an answer has said so far. */
export interface Seen {
  readonly isStream: boolean;
  /** The provider's usage object, merged of what events stated. */
  readonly usage: unknown;
  /** The answer is done, and `usage` is the whole, where there is one. */
  readonly isDone: boolean;
  /** The most tokens that the text seen can be. */
  readonly tokens: number;
  /** The model that the provider says answered. */
  readonly model: string | undefined;
  /** The answer is the provider's own error and nothing else. */
  readonly isError: boolean;
  /** An answer that came whole. */
  readonly whole: Bag | undefined;
}

/** What can be handed out, and whether it must wait for the settlement. */
export interface Taken {
  readonly bytes: readonly Uint8Array[];
  /** `last`: nothing follows that matters; `complete`: the usage is known, and more may follow. */
  readonly state: "open" | "complete" | "last";
}

/** Reads an answer while it passes through. */
export interface AnswerReader {
  readonly seen: Seen;
  take(bytes: Uint8Array): Taken;
  /** What is left to hand out when the answer has ended. */
  end(): readonly Uint8Array[];
}

/** The longest event (an image within one), and the longest answer that is read whole; more passes through unread. */
const longestEvent = 32 * 1024 * 1024;
const longestWhole = 64 * 1024 * 1024;

abstract class Reading {
  usage: unknown;
  isDone = false;
  tokens = 0;
  model: string | undefined;
  isError = false;
  whole: Bag | undefined;
  abstract readonly isStream: boolean;
  protected readonly wire: Wire;

  constructor(wire: Wire) {
    this.wire = wire;
  }

  get seen(): Seen {
    return this;
  }

  /** @returns whether nothing follows that matters. */
  protected note(event: Bag): boolean {
    const { usage, isDone = false, isLast = false } = this.wire.read(event);
    this.usage = mergeUsage(this.usage, usage);
    this.isDone ||= isDone;
    this.model = modelOf(event) ?? this.model;
    if (this.wire.repeats?.(event) !== true) this.tokens += seenTokens(event);
    return isLast;
  }
}

class StreamReading extends Reading implements AnswerReader {
  readonly isStream = true;
  readonly #splitter = new EventSplitter(longestEvent);
  readonly #decoder = new TextDecoder();
  readonly #isHidden: (event: Bag) => boolean;
  readonly #hides: boolean;

  constructor(wire: Wire, hidesUsage: boolean) {
    super(wire);
    this.#hides = hidesUsage;
    this.#isHidden = (event) => hidesUsage && wire.isUsageAlone?.(event) === true;
  }

  take(bytes: Uint8Array): Taken {
    const events = this.#splitter.push(bytes).map((event) => this.#read(event));
    const isLast = events.some((event) => event.isLast);
    const isComplete = this.isDone && this.usage !== undefined;
    const kept = events.flatMap((event) => (event.isHidden ? [] : [event.bytes]));
    return { bytes: this.#hides ? kept : [bytes], state: isLast ? "last" : isComplete ? "complete" : "open" };
  }

  end(): readonly Uint8Array[] {
    const rest = this.#read(this.#splitter.end());
    return this.#hides && !rest.isHidden && rest.bytes.length > 0 ? [rest.bytes] : [];
  }

  #read(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly isLast: boolean; readonly isHidden: boolean } {
    if (this.#splitter.overflow) {
      this.tokens += bytes.length;
      return { bytes, isLast: false, isHidden: false };
    }
    const event = dataOf(bytes, this.#decoder);
    if (event === "end") {
      this.isDone = true;
      return { bytes, isLast: true, isHidden: false };
    }
    // What cannot be read may be text of the answer.
    if (event === undefined) this.tokens += bytes.length;
    if (!isBag(event)) return { bytes, isLast: false, isHidden: false };
    return { bytes, isLast: this.note(event), isHidden: this.#isHidden(event) };
  }
}

class WholeReading extends Reading implements AnswerReader {
  readonly isStream = false;
  #chunks: Uint8Array[] = [];
  #length = 0;

  take(bytes: Uint8Array): Taken {
    this.#length += bytes.length;
    if (this.#length > longestWhole) this.#chunks = [];
    else this.#chunks.push(bytes);
    return { bytes: [bytes], state: "open" };
  }

  end(): readonly Uint8Array[] {
    this.isDone = true;
    const answer = this.#parse();
    // Without `alt=sse`, Gemini streams a list.
    for (const event of Array.isArray(answer) ? answer : [answer]) if (isBag(event)) this.note(event);
    if (isBag(answer)) {
      this.whole = answer;
      this.isError = isProvidersError(answer) && Object.keys(answer).length <= 3;
    } else if (!Array.isArray(answer)) this.tokens += this.#length;
    this.#chunks = [];
    return [];
  }

  #parse(): unknown {
    if (this.#length > longestWhole) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(joined(this.#chunks, this.#length)));
    } catch {
      return undefined;
    }
  }
}

/** @param hidesUsage the usage was asked for by us: its event is taken out again. */
export function readAnswer(wire: Wire, contentType: string, hidesUsage: boolean): AnswerReader {
  return /\btext\/event-stream\b/i.test(contentType) ? new StreamReading(wire, hidesUsage) : new WholeReading(wire);
}

/** The provider's own form of an error: it has refused, or failed before it charged. */
export function isProvidersError(answer: unknown): boolean {
  const first: unknown = Array.isArray(answer) ? answer[0] : answer;
  const error = isBag(first) ? first["error"] : undefined;
  return isBag(error) && (typeof error["message"] === "string" || typeof error["type"] === "string");
}

function modelOf(event: Bag): string | undefined {
  const inner = [event, event["response"], event["message"]].filter(isBag);
  const names = inner.map((one) => text(one, "model") ?? text(one, "modelVersion") ?? text(one, "modelId"));
  return names.find((name) => name !== undefined);
}

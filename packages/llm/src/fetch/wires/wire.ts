/** A JSON object. */
export type Bag = Readonly<Record<string, unknown>>;

export { isBag } from "../../usage/members.ts";

/** A request to a provider, as far as a wire looks at it. */
export interface ProviderRequest {
  readonly url: URL;
  readonly headers: Headers;
  /** The JSON object that is sent, or the text fields of a form. */
  readonly body: Bag;
}

/** What one event of a stream says, or an answer that comes whole. */
export interface Said {
  /** What it says of the usage: a provider's usage object, merged over what was said before. */
  readonly usage?: unknown;
  /** The answer is done: the usage that this or a later event states is the whole. */
  readonly isDone?: boolean;
  /** Nothing follows that matters. */
  readonly isLast?: boolean;
  /** Which of several answers that were asked for have ended, by number; the whole is done when all of them have. */
  readonly ended?: readonly unknown[];
}

/** A call of a tool that runs at the provider, as an answer shows it. */
export interface ToolCall {
  /** What it is charged as, if it is: `webSearch`. */
  readonly unit: string;
  /** One that is shown twice is one call. */
  readonly id: unknown;
}

/** In whose form an error is answered. */
export type ErrorForm = "openai" | "anthropic" | "google";

/** How a provider's requests and answers are read and written: data and small functions, no state. */
export interface Wire {
  readonly name: string;
  /** The action that money is reserved for. */
  readonly action: string;
  readonly errors: ErrorForm;
  model(request: ProviderRequest): string | undefined;
  isStream(request: ProviderRequest): boolean;
  /** Where the limit of the answer stands in the body; absent where an answer has none. */
  limitAt?(body: Bag): readonly [string, ...string[]];
  /** The names of what a member of `tools` offers. */
  toolNames?(tool: Bag): readonly string[];
  /** The body with the usage asked for; `undefined` where the stream states it anyhow. */
  askForUsage?(body: Bag): Bag | undefined;
  /** Of several answers in one stream, each states a usage of its own; none of them is the whole. */
  readonly statesUsageByAnswer?: boolean;
  /** The event that is there only because the usage was asked for. */
  isUsageAlone?(event: Bag): boolean;
  read(event: Bag): Said;
  /** The calls of the provider's tools that an event, or a whole answer, shows. */
  calls?(event: Bag): readonly ToolCall[];
  /** The request lets tools be called whose calls show at the end of a stream, or not at all. */
  hidesCalls?(body: Bag): boolean;
  /** An event that repeats text which others have brought. */
  repeats?(event: Bag): boolean;
  /** The request is answered at once, and worked on later. */
  isDetached?(request: ProviderRequest): boolean;
  /** The requests within a request, to be bounded each by itself: a batch. */
  parts?(body: Bag): readonly Bag[] | undefined;
  /** What is counted one by one and stands in no usage object, from request and answer. */
  units?(body: Bag, answer?: Bag): Readonly<Record<string, number>> | undefined;
}

/** A member that is text. */
export function text(bag: Bag, name: string): string | undefined {
  const value = bag[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function list(value: unknown): readonly Bag[] {
  return Array.isArray(value)
    ? value.filter((member): member is Bag => typeof member === "object" && member !== null)
    : [];
}

export function bag(value: unknown): Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Bag) : {};
}

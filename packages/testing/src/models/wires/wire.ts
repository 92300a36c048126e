import type { Counts } from "../prices.ts";
import type { Piece } from "../tokens.ts";

/** The wires that the provider speaks. */
export type WireName =
  | "openai-chat"
  | "openai-responses"
  | "openai-embeddings"
  | "openai-images"
  | "anthropic-messages"
  | "gemini"
  | "gemini-embeddings";

/** A JSON object of a wire. */
export type Members = Readonly<Record<string, unknown>>;

/** A part of a prompt, in the order in which the model reads it. */
export interface Block {
  /** Its JSON without cache marks, which is what is counted. */
  readonly text: string;
  /** Whether the prompt is to be cached up to here, and for how long. */
  readonly mark?: "5m" | "1h" | undefined;
}

/** A request in neutral words. */
export interface Asked {
  readonly model: string;
  readonly body: Members;
  readonly isStream: boolean;
  readonly blocks: readonly Block[];
  /** `marked`: cached where the request marks it, as Anthropic does. `reads`: what is written is charged as other input. */
  readonly caching: "automatic" | "reads" | "marked" | "never";
  /** The most tokens of the answer, where the request limits them. */
  readonly limit?: number | undefined;
  /** How many answers: `n`; of embeddings, the inputs; of images, the pictures. */
  readonly answers: number;
  readonly makes: "text" | "vectors" | "images";
}

/** A finished piece of work, of which a wire makes its answer. */
export interface Work {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly model: string;
  readonly prompt: Pick<Counts, "input" | "cachedInput" | "cacheWrite" | "cacheWrite1h">;
  readonly countsWrites: boolean;
  /** Of one answer. */
  readonly reasoning: number;
  readonly text: readonly Piece[];
  readonly toolCalls: readonly { readonly id: string; readonly name: string; readonly input: readonly Piece[] }[];
  readonly ends: "stop" | "tools" | "length" | "refusal";
  readonly answers: number;
  /** Tokens of all pictures. */
  readonly imageOutput: number;
  /** What the provider states of a usage object: as it is, changed, or `undefined`. */
  usage(counted: Members): unknown;
}

/** One event of a stream, and what was generated for it. */
export interface StreamEvent {
  readonly text: string;
  readonly output?: number | undefined;
  readonly reasoning?: number | undefined;
  readonly imageOutput?: number | undefined;
}

/** A request as it came over HTTP. */
export interface Arrived {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Members;
}

/** What a provider says when it does not answer. */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** One wire: how it is recognised, read and written. */
export interface Wire {
  readonly name: WireName;
  /** Tests the path of a request, from its end, because a base URL may have a path of its own. */
  readonly path: RegExp;
  /** `undefined` for a body that the provider answers with 400. */
  read(arrived: Arrived): Asked | undefined;
  answer(asked: Asked, work: Work): unknown;
  events(asked: Asked, work: Work): Generator<StreamEvent>;
  failure(failure: Failure): unknown;
  /** The failure as the event of a stream. */
  failureEvent(failure: Failure): string;
  /** An array of JSON in place of events: Gemini without `alt=sse`. */
  readonly isEventStream?: ((arrived: Pick<Arrived, "query">) => boolean) | undefined;
}

export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The list of a member; of what is no list, one of it alone; of nothing, none. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function wholeOf(...values: readonly unknown[]): number | undefined {
  return values.find((value): value is number => Number.isSafeInteger(value) && (value as number) >= 0);
}

/** A block of the prompt; marks of a cache are none of what the model reads. */
export function blockOf(value: unknown): Block {
  let mark: Block["mark"];
  const text = JSON.stringify(value, (name, member: unknown) => {
    if (name !== "cache_control") return member;
    if (isMembers(member)) mark = member["ttl"] === "1h" ? "1h" : "5m";
    return undefined;
  });
  return { text, mark };
}

/** An event without a name: OpenAI's chat, Gemini. */
export function dataEvent(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** An event named by its type: Anthropic, OpenAI's responses and images. */
export function namedEvent(data: Members): string {
  return `event: ${String(data["type"])}\n${dataEvent(data)}`;
}

/** An object without the members that are `undefined`: what a provider leaves out. */
export function withUsage(member: string, usage: unknown): Members {
  return usage === undefined ? {} : { [member]: usage };
}

/** All tokens of the prompt. */
export function promptTokens({ prompt }: Work): number {
  return prompt.input + prompt.cachedInput + prompt.cacheWrite + prompt.cacheWrite1h;
}

export function sumOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { tokens }) => sum + tokens, 0);
}

/** Tokens of one answer that can be seen: its text and its tool calls. */
export function visibleTokens(work: Work): number {
  return sumOf(work.text) + work.toolCalls.reduce((sum, { input }) => sum + sumOf(input), 0);
}

export function joined(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join("");
}

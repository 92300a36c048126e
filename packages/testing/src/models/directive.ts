/** What a model answers. */
export interface Answer {
  /** The text; a short sentence where nothing is said and no tool is called. */
  readonly text?: string | undefined;
  /** A text of exactly so many tokens, in place of `text`. */
  readonly outputTokens?: number | undefined;
  readonly toolCalls?: readonly { readonly name: string; readonly input: Readonly<Record<string, unknown>> }[];
  /** Tokens that are generated before the text, charged, and never shown. */
  readonly reasoningTokens?: number | undefined;
  /** How the answer ends, where not of itself: at its limit, or because the model declines. */
  readonly ends?: "length" | "refusal" | undefined;
}

/** What goes wrong with one request. */
export type Fault =
  /** Answered with a status: in the provider's error form, or `bare`, as an intermediary answers. Nothing is charged unless `billed`. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly form?: "provider" | "bare" | undefined;
      readonly billed?: boolean | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
    }
  /** No connection comes about: nothing arrives. `serveModels` can only reset the connection. */
  | { readonly kind: "unreachable" }
  /**
   * The connection is lost: before the provider began, after it did the whole work, or after so many `events` of a stream
   * (half of an answer that is no stream, which is charged in full).
   */
  | { readonly kind: "lost"; readonly when: "before-work" | "after-work" }
  | { readonly kind: "lost"; readonly when: "mid-answer"; readonly events?: number | undefined }
  /** The connection stays and nothing more comes, until the client gives up. The work is done as of `lost`. */
  | { readonly kind: "silent"; readonly when: "before-answer" }
  | { readonly kind: "silent"; readonly when: "mid-answer"; readonly events?: number | undefined }
  /** The provider's own error as an event of the stream; of no stream, as its answer. */
  | { readonly kind: "error-event"; readonly events?: number | undefined }
  /** An answer with status 200 that is no JSON; in a stream, one event that is none. */
  | { readonly kind: "malformed" };

/** What becomes of one request, and what it is answered. What is absent goes well. */
export interface Directive extends Answer {
  readonly fault?: Fault | undefined;
  /** What stands in place of the usage object: nothing, or what a function makes of it. The bill stays as it is. */
  readonly usage?: "none" | ((usage: Readonly<Record<string, unknown>>) => unknown) | undefined;
  /** Milliseconds before the answer. */
  readonly delayMs?: number | undefined;
  /** Milliseconds before each event of a stream. */
  readonly eventDelayMs?: number | undefined;
}

/** Directives in turn, one for each request that names the script; or one for each attempt, counted from 1. */
export type Script = readonly Directive[] | ((attempt: number) => Directive | undefined);

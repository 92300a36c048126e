/** What every model of the AI SDK is called with. */
export interface CallParameters {
  readonly headers?: Record<string, string | undefined>;
  readonly abortSignal?: AbortSignal;
}

/** A model as the AI SDK hands it to a middleware, with the method that calls it. */
export type CalledModel<Method extends string, Parameters, Answer> = {
  readonly provider: string;
  readonly modelId: string;
} & Readonly<Record<Method, (parameters: Parameters) => PromiseLike<Answer>>>;

/**
 * Fits `wrapLanguageModel`, `wrapEmbeddingModel`, `wrapImageModel` and `wrapProvider`: written in the types of no version, so
 * that it compiles with AI SDK 6 and 7.
 */
export interface BudgetMiddleware {
  readonly specificationVersion: "v3";
  /** Of language models and of image models. */
  wrapGenerate<Parameters extends CallParameters, Answer extends object>(call: {
    readonly params: Parameters;
    readonly model: CalledModel<"doGenerate", Parameters, Answer>;
  }): Promise<Answer>;
  /** Reserves, streams, and settles by the whole stream, whoever reads it. */
  wrapStream<Parameters extends CallParameters, Answer extends { readonly stream: ReadableStream }>(call: {
    readonly params: Parameters;
    readonly model: CalledModel<"doStream", Parameters, Answer>;
  }): Promise<Answer>;
  /** Reserves, embeds, and settles by what the answer states. */
  wrapEmbed<Parameters extends CallParameters, Answer extends object>(call: {
    readonly params: Parameters;
    readonly model: CalledModel<"doEmbed", Parameters, Answer>;
  }): Promise<Answer>;
}

/** The part of the AI SDK 7's `Telemetry` through which each call of a language model runs. */
export interface BudgetTelemetry {
  /** Reserves, runs one call of a language model, and settles. */
  executeLanguageModelCall<Answer>(call: {
    readonly callId: string;
    readonly provider?: string;
    readonly modelId?: string;
    readonly instructions?: unknown;
    readonly messages?: readonly object[];
    readonly execute: () => PromiseLike<Answer>;
  }): Promise<Answer>;
}

/** A value of the host whose members are read one by one. */
export type Bag = Readonly<Record<string, unknown>>;

export function bag(value: unknown): Bag {
  return typeof value === "object" && value !== null ? (value as Bag) : {};
}

export function list(value: unknown): readonly Bag[] {
  return Array.isArray(value) ? value.map(bag) : [];
}

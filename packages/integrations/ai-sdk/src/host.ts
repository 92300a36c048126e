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
  wrapStream<Parameters extends CallParameters, Answer extends { readonly stream: ReadableStream }>(call: {
    readonly params: Parameters;
    readonly model: CalledModel<"doStream", Parameters, Answer>;
  }): Promise<Answer>;
  wrapEmbed<Parameters extends CallParameters, Answer extends object>(call: {
    readonly params: Parameters;
    readonly model: CalledModel<"doEmbed", Parameters, Answer>;
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

import type { AdaptedCall } from "@imprest/llm/internal";
import { type Bag, bag } from "./host.ts";

/** Errors with which a provider's own code ends a call before it sends anything. */
const unsent =
  /^AI_(?:LoadAPIKey|LoadSetting|UnsupportedFunctionality|Invalid(?:Argument|Prompt)|NoSuchModel|TooManyEmbeddingValuesForCall)Error$/;

/** Asks the model; an error settles the call. @throws what the model throws. */
export async function asked<Answer>(call: AdaptedCall, ask: () => PromiseLike<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    await call.failed(error, error instanceof Error && unsent.test(error.name));
    throw error;
  }
}

/** Settles by an answer that came whole. */
export async function answered(
  call: AdaptedCall,
  answer: object,
  { usage }: { readonly usage?: unknown },
): Promise<void> {
  const { content, response } = answer as Bag;
  call.saw({ content });
  await call.answered({ usage, model: modelOf(response), isDone: true });
}

/** The SDK counts tokens of an image model without their kind. With pictures in the prompt, nothing says which are which. */
export function imageUsage(parameters: object, answer: object): { readonly usage?: unknown } {
  const { usage } = answer as Bag;
  const { inputTokens: input, outputTokens: imageOutput } = bag(usage);
  const { files, mask } = parameters as Bag;
  const isText = files === undefined && mask === undefined && input !== undefined && imageOutput !== undefined;
  return isText ? { usage: { tokens: { input, imageOutput } } } : { usage };
}

/** The model that the provider says answered. */
export function modelOf(response: unknown): string | undefined {
  const { modelId } = bag(response);
  return typeof modelId === "string" ? modelId : undefined;
}

import { openaiFailure } from "./openai-error.ts";
import {
  type Members,
  type Wire,
  type Work,
  blockOf,
  namedEvent,
  promptTokens,
  textOf,
  wholeOf,
  withUsage,
} from "./wire.ts";

/** A PNG of one transparent pixel. */
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** OpenAI's images: made of a prompt, or an edit of a picture, which comes as a form. */
export const openaiImages: Wire = {
  name: "openai-images",
  path: /\/images\/(?:generations|edits)$/,
  read({ body }) {
    const model = textOf(body["model"]);
    const prompt = textOf(body["prompt"]);
    if (model === undefined || prompt === undefined) return undefined;
    return {
      model,
      body,
      isStream: body["stream"] === true,
      blocks: [blockOf(prompt)],
      caching: "never",
      answers: Math.max(1, wholeOf(body["n"], Number(body["n"])) ?? 1),
      makes: "images",
    };
  },
  answer({ body }, work) {
    const data = Array.from({ length: work.answers }, () => ({ b64_json: pixel }));
    return { created: work.created, ...lookOf(body), data, ...withUsage("usage", work.usage(usageOf(work))) };
  },
  *events({ body }, work) {
    const picture = { b64_json: pixel, created_at: work.created, ...lookOf(body) };
    for (let at = 1; at < work.answers; at += 1) {
      const part = { type: "image_generation.partial_image", partial_image_index: at - 1, ...picture };
      yield { text: namedEvent(part), imageOutput: 0 };
    }
    const usage = withUsage("usage", work.usage(usageOf(work)));
    yield {
      text: namedEvent({ type: "image_generation.completed", ...picture, ...usage }),
      imageOutput: work.imageOutput,
    };
  },
  failure: openaiFailure,
  failureEvent: (failure) => namedEvent({ type: "error", ...openaiFailure(failure) }),
};

function lookOf(body: Members): Members {
  return {
    background: textOf(body["background"]) ?? "opaque",
    output_format: textOf(body["output_format"]) ?? "png",
    quality: textOf(body["quality"]) ?? "high",
    size: textOf(body["size"]) ?? "1024x1024",
  };
}

function usageOf(work: Work): Members {
  const input = promptTokens(work);
  return {
    input_tokens: input,
    input_tokens_details: { text_tokens: input, image_tokens: 0 },
    output_tokens: work.imageOutput,
    output_tokens_details: { text_tokens: 0, image_tokens: work.imageOutput },
    total_tokens: input + work.imageOutput,
  };
}

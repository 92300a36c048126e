import { type AdaptedCall, type HostAnswer, seenTokens } from "@imprest/llm/internal";
import { modelOf } from "./answers.ts";
import { type Bag, bag } from "./host.ts";

/** How much of a stream is read ahead of its reader, in bytes of text: more than a model answers. */
const readAheadBytes = 16 * 1024 * 1024;
/** With these a provider ends an answer; what else ends one may have been cut off. */
const ended = /^(?:stop|length|content-filter|tool-calls)$/;

/** A stream that is read as fast as it comes. Its last part waits for the settlement. */
export function readAhead(source: ReadableStream, call: AdaptedCall): ReadableStream {
  const reader = source.getReader() as ReadableStreamDefaultReader<Bag>;
  const { patience } = call;
  let answer: HostAnswer = { isDone: false };
  let hasFailed = false;
  const note = (part: Bag): void => {
    const { type, usage, finishReason } = part;
    if (type === "response-metadata") answer = { ...answer, model: modelOf(part) };
    else if (type === "error") hasFailed = true;
    else if (type === "finish") answer = { ...answer, usage, isDone: !hasFailed && hasEnded(finishReason) };
    else if (type !== "raw" && type !== "stream-start") call.saw(part);
  };
  const breakOff = (reason: unknown): Promise<void> => {
    patience.end();
    reader.cancel(reason).catch(() => {});
    return call.answered(answer);
  };
  return new ReadableStream<Bag>(
    {
      start(controller) {
        patience.onExhausted = (error) => void breakOff(error).then(() => controller.error(error));
        patience.begin();
      },
      async pull(controller) {
        patience.goOn();
        try {
          const { done, value } = await reader.read();
          if (!done) note(value);
          if (done || value["type"] === "finish") await call.answered(answer);
          if (done) {
            patience.end();
            controller.close();
            return;
          }
          controller.enqueue(value);
          // The idle time runs until the reader has made room.
          if ((controller.desiredSize ?? 0) <= 0) patience.wait();
        } catch (error) {
          await breakOff(error);
          controller.error(error);
        }
      },
      cancel: breakOff,
    },
    { highWaterMark: readAheadBytes, size: seenTokens },
  );
}

function hasEnded(finishReason: unknown): boolean {
  const { unified, raw } = bag(finishReason);
  return raw !== undefined || ended.test(String(unified));
}

import { FeedDesk } from "./desk.ts";
import type { Answer, Question } from "./messages.ts";
import { UnusableError } from "./unusable-error.ts";

const send = (answer: Answer): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's page, not a window
  postMessage(answer);
};
const desk = new FeedDesk((progress) => send({ kind: "progress", progress }));

addEventListener("message", ({ data }: MessageEvent<Question>) => void answer(data));

async function answer({ id, name, given }: Question): Promise<void> {
  try {
    // The tuple of parameters belongs to the method of that name.
    const ask = desk[name] as (...given: readonly unknown[]) => Promise<unknown>;
    send({ kind: "value", id, value: await ask.apply(desk, [...given]) });
  } catch (error) {
    const message = error instanceof UnusableError ? error.message : "The feed could not be verified; see the console.";
    send({ kind: "failure", id, message });
    // A fault of this page, for whoever reports it.
    if (!(error instanceof UnusableError)) throw error;
  }
}

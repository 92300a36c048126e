import { type DeniedError } from "@imprest/core";
import { denialOf } from "@imprest/llm";
import type { Tally } from "./tally.ts";

/** A guarded fetch whose refusals come to the tally. `onDenied` is called for each one for lack of budget. */
export function countRefusals(
  guarded: typeof fetch,
  tally: Tally,
  onDenied: (denial: DeniedError | undefined) => void,
): typeof fetch {
  return async (input, init) => {
    const answer = await guarded(input, init);
    // What a provider answers has an address; what the guard answers has none.
    if (answer.url !== "") return answer;
    if (answer.status === 402) {
      tally.denied += 1;
      onDenied(denialOf(await answer.clone().text()));
    } else {
      tally.refused(messageOf(await answer.clone().text()));
    }
    return answer;
  };
}

/** Every provider's error form has its text there. */
function messageOf(body: string): string {
  try {
    const { error } = JSON.parse(body) as { readonly error?: { readonly message?: string } };
    return error?.message ?? "no reason was given";
  } catch {
    return "the answer is no JSON";
  }
}

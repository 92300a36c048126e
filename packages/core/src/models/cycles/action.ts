import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { boundedText, requestObject, responseObject, text, texts } from "./fields.ts";

/** What the money is for (Cycles §Action): `{ kind: "llm.completion", name: "openai:gpt-5" }`. */
export interface Action {
  readonly kind: string;
  readonly name: string;
  readonly tags?: readonly string[] | undefined;
}

const tags: WireSchema<string[]> = z
  .array(boundedText(64), "must be a list of texts")
  .check(z.refine((value) => value.length <= 10, "must have at most 10 tags"));

export const requestActionSchema: WireSchema<Action> = requestObject({
  kind: boundedText(64, 1),
  name: boundedText(256, 1),
  tags: z.optional(tags),
});

/** As the authority tells it back. */
export const actionSchema: WireSchema<Action> = responseObject({ kind: text, name: text, tags: z.optional(texts) });

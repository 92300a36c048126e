import * as z from "zod/mini";
import type { WireSchema } from "../../wire/schema.ts";
import { boundedText, jsonObject, requestObject, responseObject, text, texts } from "./fields.ts";

/** What the money is for (Cycles §Action): `{ kind: "llm.completion", name: "openai:gpt-5" }`. */
export interface Action {
  readonly kind: string;
  readonly name: string;
  readonly tags?: readonly string[] | undefined;
  /** What else a policy may go by (v0.1.26); a server that does not know it ignores it. */
  readonly policy_keys?: ActionPolicyKeys | undefined;
}

/** What a policy may go by besides the kind (Cycles action kinds §ActionPolicyKeys). */
export interface ActionPolicyKeys {
  /** A host name without scheme and port: `api.sendgrid.com`. */
  readonly host?: string | undefined;
  readonly recipient_domain?: string | undefined;
  readonly resource_type?: string | undefined;
  readonly path_prefix?: string | undefined;
  /** At most 8. */
  readonly custom?: Readonly<Record<string, string>> | undefined;
}

const custom: WireSchema<Record<string, string>> = z
  .record(z.string(), boundedText(256), "must be an object of texts")
  .check(z.refine((value) => Object.keys(value).length <= 8, "must have at most 8 members"));

export const requestPolicyKeysSchema: WireSchema<ActionPolicyKeys> = requestObject({
  host: z.optional(boundedText(253)),
  recipient_domain: z.optional(boundedText(253)),
  resource_type: z.optional(boundedText(128)),
  path_prefix: z.optional(boundedText(512)),
  custom: z.optional(custom),
});

const tags: WireSchema<string[]> = z
  .array(boundedText(64), "must be a list of texts")
  .check(z.refine((value) => value.length <= 10, "must have at most 10 tags"));

export const requestActionSchema: WireSchema<Action> = requestObject({
  kind: boundedText(64, 1),
  name: boundedText(256, 1),
  tags: z.optional(tags),
  policy_keys: z.optional(requestPolicyKeysSchema),
});

/** As the authority tells it back. */
export const actionSchema: WireSchema<Action> = responseObject({
  kind: text,
  name: text,
  tags: z.optional(texts),
  policy_keys: z.optional(jsonObject as WireSchema<ActionPolicyKeys>),
});

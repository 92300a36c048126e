import { boundedText, jsonObject, loose, text, texts } from "../../wire/leaves.ts";
import { type Shape, closedObject, list, object, optional, record, tolerant } from "../../wire/shape.ts";

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

const custom = record(text, boundedText(256), 8);

export const requestActionPolicyKeys: Shape<ActionPolicyKeys> = closedObject({
  host: optional(boundedText(253)),
  recipient_domain: optional(boundedText(253)),
  resource_type: optional(boundedText(128)),
  path_prefix: optional(boundedText(512)),
  custom: optional(custom),
});

const kind = boundedText(64, 1);
const name = boundedText(256, 1);
const tags = list(boundedText(64), 10);

export const requestAction: Shape<Action> = closedObject({
  kind,
  name,
  tags: optional(tags),
  policy_keys: optional(requestActionPolicyKeys),
});

const actionPolicyKeys: Shape<ActionPolicyKeys> = object({
  host: optional(text),
  recipient_domain: optional(text),
  resource_type: optional(text),
  path_prefix: optional(text),
  custom: optional(tolerant(custom, jsonObject as Shape<Record<string, string>>)),
});

/** As the authority returns it. */
export const action: Shape<Action> = object({
  kind: loose(kind),
  name: loose(name),
  tags: optional(tolerant(tags, texts)),
  policy_keys: optional(actionPolicyKeys),
});

import { arcpErrorCodes } from "@imprest/core/models/arcp";
import type { OutgoingPayload } from "../dialects/dialect.ts";
import { pythonBodies, pythonBudget, pythonEnd } from "../dialects/python.ts";
import { withBodies } from "../dialects/shape.ts";
import { type ClientName, type ClientReading, draft } from "./reading.ts";

/** Takes any acceptance for the answer to its oldest submit: that of a delegated job is not sent to it. */
const go: ClientReading = { ...draft, name: "go", knowsDelegates: false };

/** `agentruntimecontrolprotocol` of PyPI: budgets are texts, `job.error` is of `error` alone, bodies have other names. */
const python: ClientReading = {
  ...go,
  name: "python",
  // It drops what comes before the task that subscribed has run again.
  hearsSubscriptionAfterMs: 50,
  shape(type, payload) {
    if (type === "job.accepted") return [type, pythonBudget(payload)];
    if (type === "job.event") return [type, withBodies(payload, pythonBodies)];
    return type === "job.error" ? pythonEnd(payload) : [type, payload];
  },
};

/** Takes a `session.error` for the end of all it waits for; a refused submit is a `job.error` in the submit's trace. */
const typescript: ClientReading = { ...go, name: "typescript", refusal: "job.error" };

/** Knows no `session.error`. */
const java: ClientReading = { ...go, name: "java", refusal: "echo", shape: javaCode };

const readings: Readonly<Record<ClientName, ClientReading>> = { draft, python, typescript, go, java };

export function readingNamed(name: ClientName): ClientReading {
  return readings[name];
}

/** It drops an end whose code it does not know. */
function javaCode(type: string, payload: OutgoingPayload): readonly [string, OutgoingPayload] {
  const { code } = payload;
  if (type !== "job.error" || typeof code !== "string" || Object.hasOwn(arcpErrorCodes, code)) return [type, payload];
  return [type, { ...payload, code: "INTERNAL_ERROR", details: { ...(payload["details"] as object), code } }];
}

/** Names that the libraries and their own commands give themselves, and the languages' in an application's name. */
const names: readonly (readonly [ClientName, RegExp])[] = [
  ["python", /python|^arcp-(?:py|cli)\b/i],
  ["typescript", /typescript|^arcp-(?:ts|js)\b|^ref-client$/i],
  ["go", /\bgo(?:lang)?\b/i],
  ["java", /java(?!script)|^arcp-jvm\b/i],
];

/** The client of a `session.hello`: by what `choose` says of its name, by the name, by members that only one library writes. */
export function readingOf(
  hello: unknown,
  choose?: (client: { readonly name: string; readonly version: string }) => ClientName | undefined,
): ClientReading {
  const { client, capabilities, resume_token: topLevelToken } = membersOf(hello);
  const { name, version } = membersOf(client);
  const text = (value: unknown): string => (typeof value === "string" ? value.slice(0, 256) : "");
  const chosen = choose?.({ name: text(name), version: text(version) });
  if (chosen !== undefined) return readings[chosen];
  const named = names.find(([, pattern]) => pattern.test(text(name)));
  if (named !== undefined) return readings[named[0]];
  if (Array.isArray(membersOf(capabilities)["agents"])) return python;
  return typeof topLevelToken === "string" ? java : draft;
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

import type { ArcpEventKind, EventBodies } from "@imprest/core/models/arcp";
import type { Hole } from "../session/sequence.ts";
import { type Frame, isObject, textOf } from "../session/frame.ts";
import { redactFrame, redactRotation } from "../session/redact.ts";

/** What every event of a job carries. */
interface EventHeader {
  readonly jobId: string;
  /** The session's number of this event (ARCP §8.3); 0 for a notice of this library. */
  readonly seq: number;
  /** The runtime's time, ISO 8601, as it was written. */
  readonly ts: string;
  /** The payload as it came, before names were unified. A rotated credential's value is left out. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** One of the ten kinds, its body in the specification's names whatever the runtime calls them. */
type KnownEvent = {
  readonly [Kind in ArcpEventKind]: EventHeader & { readonly kind: Kind; readonly body: EventBodies[Kind] };
}[ArcpEventKind];

/** A vendor's own kind. */
interface VendorEvent extends EventHeader {
  readonly kind: `x-vendor.${string}`;
  readonly body: unknown;
}

/** A kind this version does not know, or a known one without the members it must have; `raw.kind` says which. */
interface UnknownEvent extends EventHeader {
  readonly kind: "unknown";
  readonly body: unknown;
}

/** A notice of this library: the runtime could not replay the session's events `from` to `to`. */
interface GapEvent extends EventHeader {
  readonly kind: "gap";
  readonly body: Hole;
}

/** An event of a job; `switch (event.kind)` narrows `event.body`. */
export type ArcpEvent = KnownEvent | VendorEvent | UnknownEvent | GapEvent;

/** Names that runtimes use for the specification's (study §1.4). */
const aliases: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  log: { fields: "attributes" },
  tool_call: { tool_call_id: "call_id", name: "tool", arguments: "args" },
  tool_result: { tool_call_id: "call_id", output: "result" },
  metric: { dims: "dimensions", attributes: "dimensions" },
  artifact_ref: { media_type: "content_type", size_bytes: "byte_size" },
};

/** What a member must be; `"amount"` is a number of any size: a bigint where a double cannot hold it. */
type MemberType = "string" | "number" | "boolean" | "amount";

/** The members without which a body is not of its kind. */
const required: { readonly [Kind in ArcpEventKind]: Readonly<Record<string, MemberType>> } = {
  log: { level: "string", message: "string" },
  thought: { text: "string" },
  tool_call: { tool: "string", call_id: "string" },
  tool_result: { call_id: "string" },
  status: { phase: "string" },
  metric: { name: "string", value: "amount" },
  artifact_ref: { uri: "string" },
  delegate: { agent: "string" },
  progress: { current: "number" },
  result_chunk: { result_id: "string", chunk_seq: "number", data: "string", encoding: "string", more: "boolean" },
};

/** The required members as lists, so that the hot path looks nothing up twice. */
const requiredEntries = new Map(Object.entries(required).map(([kind, members]) => [kind, Object.entries(members)]));

/** Reads a `job.event` frame. */
export function readEvent(frame: Frame, jobId: string, seq: number): ArcpEvent {
  const { payload } = frame;
  const { kind } = payload;
  const ts = typeof payload["ts"] === "string" ? payload["ts"] : "";
  const members = typeof kind === "string" ? requiredEntries.get(kind) : undefined;
  if (members !== undefined) {
    const body = unifyNames(kind as string, payload["body"]);
    if (body !== undefined && members.every(([name, type]) => fits(body[name], type))) {
      return { jobId, seq, ts, kind, body, raw: payload } as unknown as ArcpEvent;
    }
  }
  const open = textOf(kind)?.startsWith("x-vendor.") ? (kind as `x-vendor.${string}`) : "unknown";
  return { jobId, seq, ts, kind: open, body: payload["body"], raw: payload };
}

function fits(value: unknown, type: MemberType): boolean {
  if (type !== "amount") return typeof value === type;
  return typeof value === "number" || typeof value === "bigint";
}

/** The notice that events are missing. */
export function gapEvent(jobId: string, hole: Hole): ArcpEvent {
  return { jobId, seq: 0, ts: "", kind: "gap", body: hole, raw: {} };
}

/** What a rotation names (ARCP §9.8.2). Runtimes put it into the body, into its `details`, or under names of their own. */
export function rotationOf(body: object): { readonly id: string | undefined; readonly value: string | undefined } {
  const own = body as Record<string, unknown>;
  const places = [own, own["details"], own["credential"]].filter(isObject);
  const find = (...names: readonly string[]): string | undefined =>
    places.flatMap((place) => names.map((name) => textOf(place[name]))).find((text) => text !== undefined);
  return { id: find("id", "credential_id"), value: find("value", "credential_value") };
}

/** The event of a rotation with the secret left out, and with the credential's id where the specification has it. */
export function withoutSecret(event: ArcpEvent, id: string | undefined): ArcpEvent {
  const body = redactRotation(event.body as object);
  return { ...event, body: { ...body, ...(id !== undefined && { id }) }, raw: redactFrame(event.raw) } as ArcpEvent;
}

function unifyNames(kind: string, body: unknown): Record<string, unknown> | undefined {
  if (!isObject(body)) return undefined;
  const names = aliases[kind];
  if (names === undefined) return body;
  let unified = body;
  for (const alias in names) {
    const name = names[alias] ?? alias;
    if (unified[alias] == null || unified[name] != null) continue;
    unified = { ...unified, [name]: unified[alias] };
  }
  return unified;
}

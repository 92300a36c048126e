import { type Shape, lenient } from "@imprest/core/internal";
import { type ArcpEventKind, type EventBodies, eventBodies } from "@imprest/core/models/arcp";
import type { Hole } from "../frame/sequence.ts";
import { type Frame, isObject, textOf } from "../frame/frame.ts";
import { payloadOf } from "../frame/read.ts";
import { redactFrame, redactRotation } from "../frame/redact.ts";

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

/** Names that runtimes use for the specification's. */
const aliases: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  log: { fields: "attributes" },
  tool_call: { tool_call_id: "call_id", name: "tool", arguments: "args" },
  tool_result: { tool_call_id: "call_id", output: "result" },
  metric: { dims: "dimensions", attributes: "dimensions" },
  artifact_ref: { media_type: "content_type", size_bytes: "byte_size" },
};

const readers = new Map(Object.entries(eventBodies).map(([kind, shape]) => [kind, lenient(shape as Shape<object>)]));

/** Reads a `job.event` frame. A body without what its kind must have is of no known kind. */
export function readEvent(frame: Frame, jobId: string, seq: number): ArcpEvent {
  const { payload } = frame;
  const { kind, ts = "", body } = payloadOf("job.event", frame);
  const reader = kind === undefined ? undefined : readers.get(kind);
  if (reader !== undefined) {
    const result = reader.safeParse(unifyNames(kind ?? "", body));
    if (result.success) return { jobId, seq, ts, kind, body: result.data, raw: payload } as unknown as ArcpEvent;
  }
  const open = kind?.startsWith("x-vendor.") === true ? (kind as `x-vendor.${string}`) : "unknown";
  return { jobId, seq, ts, kind: open, body, raw: payload };
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

function unifyNames(kind: string, body: unknown): unknown {
  if (!isObject(body)) return body;
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

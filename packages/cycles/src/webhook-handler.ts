import { type Clock, ConfigurationError, type Logger, VerificationError, systemClock } from "@imprest/core";
import { Secret, parseJson } from "@imprest/core/internal";
import { type EmittedEvent, emittedEvent } from "@imprest/core/models/cycles";
import { signatureHeader, verifyWebhook } from "./webhook.ts";

/** Which deliveries have been dealt with. Several processes behind one address share one, in their own database. */
export interface SeenEvents {
  /** True for an event that was added. */
  has(eventId: string): boolean | Promise<boolean>;
  /** Remembers an event as handled. */
  add(eventId: string): void | Promise<void>;
}

/** How deliveries are taken. */
export interface WebhookHandlerOptions {
  /** The subscription's signing secret. */
  readonly secret: string;
  /** Called once an event. When it throws, the delivery is answered with 500 and comes again. */
  readonly onEvent: (event: EmittedEvent) => void | Promise<void>;
  /** Memory for the last 10000 events when absent. */
  readonly seen?: SeenEvents | undefined;
  /** A larger delivery is refused; 1 MiB when absent. */
  readonly maxBytes?: number | undefined;
  /**
   * How old an event may be, by the time that it was signed with, in milliseconds; three days when absent. Whoever has
   * recorded a delivery can send it again once `seen` has forgotten it. Raise it before an operator replays older events.
   */
  readonly maxAgeMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
}

/**
 * A web-standard handler for webhook deliveries: verifies, drops repetitions by `event_id` (deliveries come at least
 * once), calls `onEvent`. Answers 204 when an event was dealt with, now or before; 401 for a bad signature, or for an event
 * that is too old; 400 for a body that is no event or breaks off; 405, 413; 500 when `onEvent` failed, so that the delivery is repeated. Rejects
 * with a ConfigurationError when something has read the request's body before: only the raw bytes can be verified.
 */
export function createWebhookHandler(options: WebhookHandlerOptions): (request: Request) => Promise<Response> {
  const { onEvent, logger, seen = memorySeenEvents(), maxBytes = 1024 * 1024 } = options;
  const { maxAgeMs = 3 * 86_400_000, clock = systemClock } = options;
  if (options.secret === "") throw new ConfigurationError("secret is empty; no delivery could be verified.");
  const secret = new Secret(options.secret);
  /** A repetition that comes while the first is being dealt with shares its outcome. */
  const running = new Map<string, Promise<void>>();

  const deal = async (event: EmittedEvent): Promise<void> => {
    if (await seen.has(event.event_id)) return;
    await onEvent(event);
    await seen.add(event.event_id);
  };
  const dealOnce = (event: EmittedEvent): Promise<void> => {
    const { event_id: id } = event;
    const first = running.get(id);
    if (first !== undefined) return first;
    const dealing = deal(event).finally(() => running.delete(id));
    running.set(id, dealing);
    return dealing;
  };

  return async (request) => {
    if (request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST" } });
    if (request.bodyUsed) {
      throw new ConfigurationError("The delivery's body was read already; give the handler the request as it came.");
    }
    let body: Uint8Array | undefined;
    try {
      body = await readBytes(request, maxBytes);
    } catch {
      // The sender broke off; whoever still listens gets an answer that it came to nothing.
      return new Response(null, { status: 400 });
    }
    if (body === undefined) return new Response(null, { status: 413 });
    try {
      await verifyWebhook(body, request.headers.get(signatureHeader), secret);
    } catch (error) {
      const reason = VerificationError.isInstance(error) ? error.reason : "unknown";
      logger?.warn("a webhook delivery was refused", { reason });
      return new Response(null, { status: 401 });
    }
    const event = readEvent(body);
    const signedAtMs = Date.parse(event?.timestamp ?? "");
    if (event === undefined || Number.isNaN(signedAtMs)) return new Response(null, { status: 400 });
    if (clock.now() - signedAtMs > maxAgeMs) {
      logger?.warn("a webhook delivery was refused", { reason: "event_too_old" });
      return new Response(null, { status: 401 });
    }
    try {
      await dealOnce(event);
      return new Response(null, { status: 204 });
    } catch (error) {
      const message = error instanceof Error ? error.message : "unknown";
      logger?.error("a webhook event was not dealt with", { eventId: event.event_id, error: message });
      return new Response(null, { status: 500 });
    }
  };
}

/** Remembers the last `capacity` events in this process. */
export function memorySeenEvents(capacity = 10_000): SeenEvents {
  const ids = new Set<string>();
  return {
    has: (eventId) => ids.has(eventId),
    add(eventId) {
      ids.add(eventId);
      const [oldest] = ids;
      if (ids.size > capacity && oldest !== undefined) ids.delete(oldest);
    },
  };
}

/** `undefined` when there is more than `maxBytes`, whatever the length header says. */
async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | undefined> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

function readEvent(body: Uint8Array): EmittedEvent | undefined {
  try {
    const result = emittedEvent.safeParse(parseJson(new TextDecoder("utf-8", { fatal: true }).decode(body)));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

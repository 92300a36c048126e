import type { OutgoingPayload } from "./dialect.ts";

/** The payload without some members. */
export function without(payload: OutgoingPayload, ...names: readonly string[]): OutgoingPayload {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !names.includes(name)));
}

/** The payload with some members under another name. */
export function renamed(payload: OutgoingPayload, names: Readonly<Record<string, string>>): OutgoingPayload {
  return Object.fromEntries(Object.entries(payload).map(([name, value]) => [names[name] ?? name, value]));
}

/** The payload with its event body, when it is of that kind, changed. */
export function withBodies(
  payload: OutgoingPayload,
  bodies: Readonly<Record<string, (body: OutgoingPayload) => OutgoingPayload>>,
): OutgoingPayload {
  const change = bodies[String(payload["kind"])];
  const { body } = payload;
  if (change === undefined || typeof body !== "object" || body === null) return payload;
  return { ...payload, body: change(body as OutgoingPayload) };
}

import type { WireRequest, WireResponse } from "./wire.ts";

/** What balancers, containers and the suites of official clients ask; anyone may, and nothing else is said. */
const paths: ReadonlySet<string> = new Set([
  "/health",
  "/actuator/health",
  "/actuator/health/liveness",
  "/actuator/health/readiness",
]);

/**
 * Whether the authority can answer: 200 `UP`, or 503 `DOWN` once it is closed or its store has failed. `undefined` for any
 * other path or method.
 */
export function healthAnswer({ method, target }: WireRequest, isSound: () => boolean): WireResponse | undefined {
  if ((method !== "GET" && method !== "HEAD") || !paths.has(target)) return undefined;
  const isUp = isSound();
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  return { status: isUp ? 200 : 503, headers, body: isUp ? '{"status":"UP"}' : '{"status":"DOWN"}' };
}

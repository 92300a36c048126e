/** A request that the gateway itself refuses. */
export interface GatewayRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** The refusal in a form that each provider's SDK reads a message from, and that no SDK repeats. */
export function refuse({ status, code, message }: GatewayRefusal): Response {
  const error = { type: "invalid_request_error", code, status: code, message };
  const headers = { "content-type": "application/json", "x-should-retry": "false" };
  return new Response(JSON.stringify({ type: "error", error }), { status, headers });
}

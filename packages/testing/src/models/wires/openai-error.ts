import type { Failure, Members } from "./wire.ts";

const types: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "invalid_request_error",
  429: "rate_limit_error",
};

/** The error object of every OpenAI endpoint. */
export function openaiFailure({ status, code, message }: Failure): Members {
  const type = types[status] ?? (status >= 500 ? "server_error" : "invalid_request_error");
  return { error: { message, type, param: null, code } };
}

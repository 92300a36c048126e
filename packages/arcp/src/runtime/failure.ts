import { DeniedError, ImprestError, ProtocolError } from "@imprest/core";
import { type ArcpErrorCode, arcpErrorCodes, type WireFailure } from "@imprest/core/models/arcp";

/** A failure in the words of ARCP §12; agents and tools may throw one to name their own code. */
export function arcpFailure(
  code: ArcpErrorCode | (string & {}),
  message: string,
  options: {
    readonly details?: Readonly<Record<string, unknown>> | undefined;
    /** As ARCP §12 has it for the code by default. */
    readonly retryable?: boolean | undefined;
    readonly cause?: unknown;
  } = {},
): ProtocolError {
  const byCode: boolean = (arcpErrorCodes as Readonly<Record<string, boolean>>)[code] ?? false;
  const { retryable = byCode } = options;
  return new ProtocolError(
    message,
    { protocol: "arcp", errorCode: code, retryable, details: options.details },
    options.cause === undefined ? {} : { cause: options.cause },
  );
}

/** The longest message of a failure that is passed on. */
const longestMessage = 1000;

/**
 * What the wire reports of an error: a failure in its own words, also when an authority passed it on as a denial;
 * anything else as INTERNAL_ERROR with its message.
 */
export function toWireFailure(error: unknown): WireFailure & { readonly retryable: boolean } {
  if (
    DeniedError.isInstance(error) &&
    error.reasonCode !== undefined &&
    Object.hasOwn(arcpErrorCodes, error.reasonCode)
  ) {
    return { code: error.reasonCode, message: shorten(error.message), retryable: false };
  }
  if (ProtocolError.isInstance(error) && error.protocol === "arcp") {
    const { errorCode: code, retryable, wireDetails: details } = error;
    return { code, message: shorten(error.message), retryable, ...(details === undefined ? {} : { details }) };
  }
  return { code: "INTERNAL_ERROR", message: shorten(messageOf(error)), retryable: true };
}

/** A stable message for logs and frames. */
export function messageOf(error: unknown): string {
  if (ImprestError.isInstance(error) || error instanceof Error) return error.message || error.name;
  return "The agent threw something that is no Error.";
}

function shorten(text: string): string {
  return text.length > longestMessage ? `${text.slice(0, longestMessage)}…` : text || "unknown";
}

import { ImprestError, type ErrorOptionsWithCause } from "./imprest-error.ts";

/** An option or environment value cannot be used. Raised while constructing, never during a call. */
export class ConfigurationError extends ImprestError {
  static override readonly brand: string = "ConfigurationError";
  constructor(message: string, options?: ErrorOptionsWithCause) {
    super("ERR_CONFIGURATION", message, options);
  }
}

/** One thing wrong with a value. `pointer` is an RFC 6901 JSON pointer; the empty string is the whole value. */
export interface ValidationIssue {
  readonly pointer: string;
  readonly message: string;
}

/** A value handed to us does not fit; nothing was sent. */
export class ValidationError extends ImprestError {
  static override readonly brand: string = "ValidationError";
  readonly issues: readonly ValidationIssue[];

  constructor(subject: string, issues: readonly ValidationIssue[], options?: ErrorOptionsWithCause) {
    const listed = issues.slice(0, 5).map(({ pointer, message }) => (pointer ? `${pointer}: ${message}` : message));
    const more = issues.length > 5 ? `; and ${issues.length - 5} more` : "";
    super("ERR_VALIDATION", `${subject}: ${listed.join("; ")}${more}`, options);
    this.issues = issues;
  }

  protected override details(): Record<string, unknown> {
    return { issues: this.issues };
  }
}

/** Signed material could not be verified. `reason` is machine-readable. */
export class VerificationError extends ImprestError {
  static override readonly brand: string = "VerificationError";
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptionsWithCause) {
    super("ERR_VERIFICATION", message, options);
    this.reason = reason;
  }

  protected override details(): Record<string, unknown> {
    return { reason: this.reason };
  }
}

/** Every code of core's own errors. The packages have unions of their own: `ArcpErrorCode`, `AP2ErrorCode`, … */
export type ImprestErrorCode =
  /** Your signal aborted. Remedy: Nothing; what was known to be spent is still committed. */
  | "ERR_ABORTED"
  /**
   * No usable answer to the reserve, or an unusable grant; the call did not start. Remedy: Try again later;
   * `releaseOrphan` frees what a lost answer may hold; `failOpen` runs without a grant and records it.
   */
  | "ERR_AUTHORITY_UNREACHABLE"
  /** An option cannot be used; nothing was sent. Remedy: Correct the option that the message names. */
  | "ERR_CONFIGURATION"
  /** No connection, or it broke. Remedy: Check the address; reads are repeated, settlements too. */
  | "ERR_CONNECTION"
  /** The authority said no; the call did not start. Remedy: See `reasonCode` below. */
  | "ERR_DENIED"
  /**
   * The authority answered with an error that has no class of its own. Remedy: See `errorCode`, `status`, `requestId`;
   * `retryable` says whether again.
   */
  | "ERR_PROTOCOL"
  /**
   * The answer is no answer of the protocol: a redirect, a proxy's page, too long, cut off. Remedy: Set the base URL
   * to the final address.
   */
  | "ERR_RESPONSE_FORMAT"
  /**
   * The commit was refused for good, or the reservation had ended; see `spendHappened`. Remedy: A [dead
   * letter](#dead-letters) holds a spend that is not in the books.
   */
  | "ERR_SETTLEMENT"
  /**
   * The call returned, or its stream ended, and nothing says what it cost. Remedy: The answer is in `value`; give
   * `spend`, `partial` or `settle: "estimate"`, or call `unspent()`.
   */
  | "ERR_SPEND_UNKNOWN"
  /**
   * No whole answer in time; or a stream was given up after `idleMs` or `longestMs`. Remedy: `timeoutMs` of the client
   * or the call; `idleMs` and `longestMs` of the stream.
   */
  | "ERR_TIMEOUT"
  /**
   * A request or an amount is not what the protocol allows; nothing was sent. Remedy: See `issues`: a JSON pointer and
   * a remedy each.
   */
  | "ERR_VALIDATION"
  /** A signature or a webhook is not what it claims. Remedy: See `reason`; treat the message as unsent. */
  | "ERR_VERIFICATION";

/** A code of core's own, which editors complete, or any other: a package or an application may add errors. */
export type AnyErrorCode = ImprestErrorCode | (string & Record<never, never>);

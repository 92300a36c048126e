/** A request as the protocol sees it, whatever server it came through. */
export interface WireRequest {
  readonly method: string;
  /** Path and query: `"/v1/reservations?status=ACTIVE"`. */
  readonly target: string;
  /** The value of a header by its lower-case name. */
  header(name: string): string | undefined;
  readonly body: Uint8Array;
}

/** A request before its body has come. */
export type RequestHead = Pick<WireRequest, "method" | "target" | "header">;

/** Bodies up to this size are read whoever sends them; for a larger one, or one of unknown size, the key is looked at first. */
const smallBodyBytes = 16_384;

/** Whether a body may be read before it is known whose it is. */
export function isSmallBody({ header }: Pick<RequestHead, "header">): boolean {
  if (header("transfer-encoding") !== undefined) return false;
  const length = header("content-length");
  return length === undefined || (/^\d{1,9}$/.test(length) && Number(length) <= smallBodyBytes);
}

/** An answer, to be written by whatever server the request came through. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request as the protocol sees it, whatever server it came through. */
export interface WireRequest {
  readonly method: string;
  /** Path and query: `"/v1/reservations?status=ACTIVE"`. */
  readonly target: string;
  /** The value of a header by its lower-case name. */
  header(name: string): string | undefined;
  readonly body: Uint8Array;
}

/** An answer, to be written by whatever server the request came through. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

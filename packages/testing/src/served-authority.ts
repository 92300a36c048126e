/** What is served: an embedded authority, or anything that answers a request as its `handler` does. */
export interface ServedAuthority {
  /** Answers one request; never rejects for what a client may send. */
  readonly handler: (request: Request) => Promise<Response>;
}

/** What a session knows of the connection that carries it. */
export interface SessionLine {
  /** The welcome is out: events may follow. */
  readonly welcomed: boolean;
  /** Nobody can read along. */
  readonly confidential: boolean;
  /** More waits in the transport than should. */
  readonly isCongested: boolean;
  send(text: string): void;
  /** Flushes the session again once the transport has had time to send. */
  flushLater(): void;
  /** Sends a `session.error` and ends the connection; the session stays for its window. */
  fail(code: string, message: string): void;
  close(reason: string): void;
}

/** How a connection ended. */
export interface TransportClosed {
  /** The WebSocket close code, or the exit code of a child process, where there is one. */
  readonly code?: number | undefined;
  readonly reason?: string | undefined;
  /** What broke the connection, when it was not closed in good order. */
  readonly error?: Error | undefined;
}

/**
 * One connection that carries text frames in order, one envelope a frame (ARCP §4). Both sides of the protocol speak
 * through this port, so that a WebSocket, a child process and a test's memory are the same to them.
 */
export interface ArcpTransport {
  /** True where nobody on the way can read along: TLS, a loopback, a pipe, one process. Secrets travel only there. */
  readonly confidential: boolean;
  /** Characters accepted by `send` that have not left the process, where the host counts them. */
  readonly pendingSend?: number | undefined;
  /** Resolves, never rejects, once the connection has ended; no frame is delivered after that. */
  readonly closed: Promise<TransportClosed>;
  /** Hands over one frame. Never throws: what is sent on an ended connection is lost, as on a network. */
  send(text: string): void;
  /** Sets the one receiver. Frames that came before it are kept for it. */
  onMessage(listener: (text: string) => void): void;
  /** Ends the connection; what was sent before is still delivered where the host allows. Idempotent. */
  close(code?: number, reason?: string): void;
  /** Stops reading until `resume`, so that the sender feels it. Absent where the host cannot. */
  pause?(): void;
  /** Goes on reading after `pause`. */
  resume?(): void;
}

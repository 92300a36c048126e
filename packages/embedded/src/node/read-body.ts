import type { IncomingMessage } from "node:http";

/** A body as far as it was read. */
export interface ReadBody {
  readonly body: Uint8Array;
  /** False where something was left unread. */
  readonly complete: boolean;
}

/** A piece that comes alone takes some hundred bytes of memory beside its own: many small ones are joined as they come. */
const mostPieces = 32;

/** Reads no more than one byte beyond the limit. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<ReadBody> {
  return new Promise((resolve) => {
    let pieces: Buffer[] = [];
    let length = 0;
    const finish = (complete: boolean): void => {
      const body = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
      resolve({ body: (body ?? Buffer.alloc(0)).subarray(0, maxBytes + 1), complete });
    };
    request.on("data", (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length > maxBytes) {
        request.pause();
        request.removeAllListeners("data");
        finish(false);
      } else if (pieces.length > mostPieces) {
        pieces = [Buffer.concat(pieces)];
      }
    });
    request.on("end", () => finish(true));
    request.on("error", () => finish(false));
    request.on("close", () => finish(request.complete));
  });
}

/** A body that nobody known sends: none of it is read, and its connection ends with the answer. */
export function unreadBody(request: IncomingMessage): ReadBody {
  request.pause();
  return { body: Buffer.alloc(0), complete: false };
}

import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** Which piece of what passes is the last one, and whether it still arrives. */
export interface Cut {
  /** From whoever asks, or to him. */
  readonly direction: "up" | "down";
  /** From 1. */
  readonly piece: number;
  readonly arrives: boolean;
}

/** Passes bytes on between two ends, and breaks the connection where the test says, once. */
export class CutProxy {
  readonly url: string;
  readonly pieces: Record<Cut["direction"], number> = { up: 0, down: 0 };
  cut: Cut | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async to(target: string): Promise<CutProxy> {
    const { port } = new URL(target);
    const server = createServer((socket) => proxy.#pass(socket, Number(port)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const proxy = new CutProxy(url, () => new Promise((resolve) => server.close(() => resolve())));
    return proxy;
  }

  /** Counts the pieces anew. */
  restart(cut?: Cut): void {
    Object.assign(this.pieces, { up: 0, down: 0 });
    this.cut = cut;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await this.#close();
  }

  #pass(from: Socket, port: number): void {
    const to = connect(port, "127.0.0.1");
    for (const socket of [from, to]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    }
    this.#pipe("up", from, to);
    this.#pipe("down", to, from);
  }

  #pipe(direction: Cut["direction"], from: Socket, to: Socket): void {
    from.on("data", (piece) => {
      this.pieces[direction] += 1;
      const { cut } = this;
      const isCut = cut?.direction === direction && cut.piece === this.pieces[direction];
      if (!isCut || cut.arrives) to.write(piece);
      if (!isCut) return;
      this.cut = undefined;
      from.destroy();
    });
    from.on("end", () => to.end());
    // What was passed on arrives before the end.
    from.on("close", () => to.destroySoon());
  }
}

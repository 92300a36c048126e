import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type EmbeddedAuthority,
  type EmbeddedAuthorityOptions,
  type GovernanceOptions,
  createEmbeddedAuthority,
} from "../../src/index.ts";
import { FakeClock, MapStore } from "../support.ts";

export const adminKey = "admin-key-for-tests-0123456789";
/** Where the receivers of these tests listen. */
export const loopback = "127.0.0.0/8";
export const secret = "whsec_for_tests";

export const usd = (amount: bigint): { readonly unit: string; readonly amount: bigint } => ({
  unit: "USD_MICROCENTS",
  amount,
});

export type GovernedAuthority = EmbeddedAuthority<{ readonly governance: GovernanceOptions }>;

/** An authority with the governance plane, a budget of 1,000 and a key of the tenant acme. */
export async function governed(
  options: EmbeddedAuthorityOptions = {},
): Promise<{ readonly authority: GovernedAuthority; readonly key: string; readonly clock: FakeClock }> {
  const clock = new FakeClock();
  const authority = createEmbeddedAuthority({
    clock,
    ...options,
    governance: { adminKeys: [adminKey], allowAddresses: [loopback], ...options.governance },
  });
  await authority.budgets.create({ scope: { tenant: "acme" }, allocated: usd(1_000n), overdraftLimit: usd(100n) });
  const { key } = await authority.apiKeys.create({ tenant: "acme" });
  return { authority, key, clock };
}

/** The authority of another process on the same disk. */
export function governedAgain(disk: Map<string, string>, clock: FakeClock): GovernedAuthority {
  return createEmbeddedAuthority({
    clock,
    store: new MapStore(disk),
    governance: { adminKeys: [adminKey], allowAddresses: [loopback] },
  });
}

/** One delivery as a receiver got it. */
export interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly event: Readonly<Record<string, unknown>> & { readonly event_id: string; readonly event_type: string };
}

/** A webhook receiver on a real socket. `answer` decides what becomes of each delivery; 204 unless it is given. */
export class Receiver {
  readonly received: Received[] = [];
  answer: (response: ServerResponse, received: Received) => void = (response) => void response.writeHead(204).end();
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        const received = { headers: request.headers, body, event: JSON.parse(body) as Received["event"] };
        this.received.push(received);
        this.answer(response, received);
        for (const wake of this.#waiting.splice(0)) wake();
      });
    });
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => {
      receiver.#server.listen(0, "127.0.0.1", resolve);
    });
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook?from=imprest`;
  }

  get types(): string[] {
    return this.received.map(({ event }) => event.event_type);
  }

  /** Resolves once `count` deliveries have come. */
  async until(count: number): Promise<void> {
    while (this.received.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

/** Lets what is under way go on until `done` holds. */
export async function eventually(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await done()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  throw new Error("it never came to that");
}

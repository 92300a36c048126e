import { existsSync, readFileSync, readdirSync } from "node:fs";
import type { ManualClock } from "@imprest/testing";
import { createMemoryPair } from "../../src/transport/memory.ts";
import type { ArcpTransport } from "../../src/transport/transport.ts";

const folder = new URL("../../../../../shared/conformance/arcp/transcripts/", import.meta.url);

/** The recorded frames stand beside the checkout; without them these tests are skipped, except in CI. */
export const transcriptsMissing: boolean = !existsSync(folder) && process.env["CI"] === undefined;

export function transcriptNames(): string[] {
  if (transcriptsMissing) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => name.replace(".jsonl", ""))
    .toSorted();
}

/** A frame as tests read it. */
// oxlint-disable-next-line typescript/no-explicit-any -- recorded payloads have no one shape
type AnyFrame = { type: string; id: string; payload: any; [member: string]: any };

interface Row {
  readonly dir: "c2r" | "r2c";
  readonly conn: number;
  readonly t_ms: number;
  readonly frame: AnyFrame;
}

export interface PlayOptions {
  /** Alters the recorded frames before they are served. */
  readonly mutate?: ((frame: AnyFrame, at: number) => void) | undefined;
  /** Breaks the connection of this number after so many of its frames were sent. */
  readonly cut?: Readonly<Record<number, number>> | undefined;
  /** Answers requests that were not recorded. */
  readonly answer?: ((frame: AnyFrame) => object | undefined) | undefined;
}

/** What the client may send at any time without the recording having it. */
const unsolicited = new Set(["session.ack", "session.ping", "session.pong"]);

/**
 * Plays the runtime's side of a recording: each connection waits for the client's next recorded message, by type, and
 * then sends what the runtime sent. Request ids of the recording are replaced by the client's own.
 */
export class TranscriptPlayer {
  /** What the client sent, by connection. */
  readonly sent: AnyFrame[][] = [];
  /** Messages that the recording does not have and nobody answered. */
  readonly unexpected: string[] = [];
  readonly #rows: readonly Row[];
  readonly #options: PlayOptions;
  readonly #ids = new Map<string, string>();
  readonly #ends: ArcpTransport[] = [];
  readonly #clock: ManualClock;

  constructor(name: string, clock: ManualClock, options: PlayOptions = {}) {
    this.#clock = clock;
    const text = readFileSync(new URL(`${name}.jsonl`, folder), "utf8");
    this.#options = options;
    const rows = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Row);
    rows.forEach((row, at) => row.dir === "r2c" && options.mutate?.(row.frame, at));
    this.#rows = rows.filter(({ frame }) => typeof frame.type === "string");
  }

  /** The next recorded connection. */
  readonly dial = (): ArcpTransport => {
    const conn = this.#ends.length + 1;
    const [client, runtime] = createMemoryPair();
    const queue = this.#rows.filter((row) => row.conn === conn);
    const limit = this.#options.cut?.[conn] ?? Infinity;
    const sent: AnyFrame[] = [];
    let served = 0;
    this.#ends.push(runtime);
    this.sent.push(sent);
    const serve = (frame: object): void => {
      if (served++ < limit) runtime.send(this.#translate(JSON.stringify(frame)));
      if (served === limit) runtime.close(1006);
    };
    let dueMs = 0;
    // What follows a message of the client comes as long after it as it was recorded.
    const follow = (sinceMs: number): void => {
      while (queue[0] !== undefined && (queue[0].dir === "r2c" || unsolicited.has(queue[0].frame.type))) {
        const row = queue.shift();
        if (row === undefined || row.dir === "c2r") continue;
        dueMs = Math.max(dueMs, this.#clock.monotonic() + row.t_ms - sinceMs);
        this.#clock.setTimer(() => serve(row.frame), dueMs - this.#clock.monotonic());
      }
    };
    runtime.onMessage((text) => {
      const frame = JSON.parse(text) as AnyFrame;
      sent.push(frame);
      if (queue[0]?.dir === "c2r" && queue[0].frame.type === frame.type) {
        const row = queue.shift();
        this.#ids.set(row?.frame.id ?? "", frame.id);
        follow(row?.t_ms ?? 0);
      } else if (frame.type === "session.close") {
        const details = { type: frame.type };
        const refusal = { code: "INVALID_REQUEST", message: "Unknown core message type", retryable: false, details };
        serve({ arcp: "1.1", id: "refused", type: "session.error", payload: refusal });
      } else if (!unsolicited.has(frame.type)) {
        const answer = this.#options.answer?.(frame);
        if (answer !== undefined) serve({ arcp: "1.1", id: `answer-${frame.id}`, ...answer });
        else if (frame.type !== "session.bye") this.unexpected.push(frame.type);
      }
      if (frame.type === "session.bye") runtime.close(1000);
    });
    return client;
  };

  /** Breaks a connection, from 1. */
  drop(conn: number): void {
    this.#ends[conn - 1]?.close(1006);
  }

  #translate(text: string): string {
    let translated = text;
    for (const [recorded, own] of this.#ids) translated = translated.replaceAll(recorded, own);
    return translated;
  }
}

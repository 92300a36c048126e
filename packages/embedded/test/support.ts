import { type Clock } from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import type { EmbeddedAuthority, LedgerStore, StoreChange } from "../src/index.ts";

/** Time under the test's hands: `advance` moves both clocks and runs timers, `jump` moves only the wall clock. */
export class FakeClock implements Clock {
  #wall = 1_700_000_000_000;
  #monotonic = 1_000;
  readonly #timers = new Map<object, { readonly atMs: number; readonly callback: () => void }>();

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimer(callback: () => void, delayMs: number): { clear(): void } {
    const handle = {};
    this.#timers.set(handle, { atMs: this.#monotonic + Math.max(0, delayMs), callback });
    return { clear: () => this.#timers.delete(handle) };
  }

  get timers(): number {
    return this.#timers.size;
  }

  jump(byMs: number): void {
    this.#wall += byMs;
  }

  /** Moves on without running timers, as when the event loop is blocked. */
  stall(byMs: number): void {
    this.#wall += byMs;
    this.#monotonic += byMs;
  }

  advance(byMs: number): void {
    const untilMs = this.#monotonic + byMs;
    for (;;) {
      const next = [...this.#timers].filter(([, { atMs }]) => atMs <= untilMs).sort((a, b) => a[1].atMs - b[1].atMs)[0];
      if (next === undefined) break;
      const [handle, { atMs, callback }] = next;
      this.#timers.delete(handle);
      this.stall(Math.max(0, atMs - this.#monotonic));
      callback();
    }
    this.stall(untilMs - this.#monotonic);
  }
}

/** A store whose disk is a map that outlives it; `fail` makes the next writes fail. */
export class MapStore implements LedgerStore {
  readonly disk: Map<string, string>;
  writes = 0;
  failing = false;
  /** Makes the next writes never end. */
  hanging = false;

  constructor(disk: Map<string, string> = new Map()) {
    this.disk = disk;
  }

  load(): Iterable<readonly [string, string]> {
    return [...this.disk];
  }

  async write(take: () => readonly StoreChange[]): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    if (this.failing) throw new Error("disk full");
    if (this.hanging) await new Promise(() => {});
    this.writes += 1;
    for (const [key, value] of take()) {
      if (value === undefined) this.disk.delete(key);
      else this.disk.set(key, value);
    }
  }

  close(): void {}
}

/** An answer of the wire, its body parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Speaks the wire to an authority's handler. */
export class WireCaller {
  readonly #authority: EmbeddedAuthority;
  readonly key: string;

  constructor(authority: EmbeddedAuthority, key: string) {
    this.#authority = authority;
    this.key = key;
  }

  get(target: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send("GET", target, undefined, headers);
  }

  post(target: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send("POST", target, stringifyJson(body), headers);
  }

  async send(
    method: string,
    target: string,
    body: BodyInit | undefined,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const request = new Request(`http://authority.test${target}`, {
      method,
      headers: { "X-Cycles-API-Key": this.key, "Content-Type": "application/json", ...headers },
      ...(body !== undefined && { body }),
    });
    const response = await this.#authority.handler(request);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === "" ? {} : parseJson(text)) as Answer["body"],
    };
  }
}

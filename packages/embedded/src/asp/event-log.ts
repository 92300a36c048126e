import { parseJson } from "@imprest/core/internal";
import { type JsonObject, signAuditEvent } from "@imprest/core/audit";
import type { AuditEvent, AuditSuffix } from "@imprest/core/models/asp";
import type { Journal } from "../ledger/journal.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** An event as it is kept: first what will be signed, then, a turn later, the signed line. */
export interface StoredEvent {
  readonly tenant: string;
  readonly sequence: number;
  readonly atMs: number;
  readonly suffix: AuditSuffix;
  readonly id: string;
  readonly data: JsonObject;
  line?: string | undefined;
}

/** A signed event. */
export interface Signed {
  readonly id: string;
  readonly line: string;
  readonly signature: Uint8Array;
}

/** An event of a feed that is taken in, and the line that it came in. */
export interface SignedElsewhere {
  readonly tenant: string;
  readonly event: AuditEvent;
  readonly line: string;
}

/** A part of a feed. */
export interface FeedPage {
  readonly lines: readonly string[];
  /** Ask from here next time. */
  readonly cursor: number;
}

/** The events of one tenant, oldest first; those before `first` are beyond retention. */
interface Feed {
  first: number;
  readonly entries: StoredEvent[];
  /** Events are signed one after another, so that a page never has a hole. */
  tail: Promise<unknown>;
}

export interface EventLogParts {
  readonly keys: SigningKeys;
  readonly issuer: string;
  readonly typePrefix: string;
  readonly retentionMs: number;
  readonly journal: Journal | undefined;
}

const kind = "asp-event";

/** Events of one tenant, some 300 MB: a year of denials of a broken agent must not fill the memory of all. */
const mostOfTenant = 250_000;

/** As an earlier process left them, in no order. */
export function readStoredEvents(stored: Iterable<string>): StoredEvent[] {
  return Array.from(stored, (text) => parseJson(text) as unknown as StoredEvent);
}

/**
 * Every audit event, signed and kept (ASP §5). Each tenant has a source and a feed of its own, numbered from 1 inside
 * what is signed, so that a gap shows. An event is journalled in the turn of the change that it records, unsigned if need
 * be: a crash between the two is made good when the log is opened again.
 */
export class EventLog {
  readonly #parts: EventLogParts;
  readonly #feeds = new Map<string, Feed>();

  constructor(parts: EventLogParts, stored: readonly StoredEvent[]) {
    this.#parts = parts;
    for (const entry of stored.toSorted((one, other) => one.sequence - other.sequence)) {
      const feed = this.#feedOf(entry.tenant, entry.sequence);
      feed.entries.push(entry);
      if (entry.line === undefined) this.#sign(feed, entry).catch(() => {});
    }
  }

  sourceOf(tenant: string): string {
    return `${this.#parts.issuer}/asp/${encodeURIComponent(tenant)}`;
  }

  /** Appends at once; resolves once it is signed. Its journal entry belongs to the ledger's write of this turn. */
  append(tenant: string, suffix: AuditSuffix, data: JsonObject, atMs: number): Promise<Signed> {
    const feed = this.#feedOf(tenant, 1);
    this.#prune(feed, atMs);
    const sequence = feed.first + feed.entries.length;
    const metadata = (data["runtime_metadata"] ?? {}) as JsonObject;
    const numbered = { ...data, runtime_metadata: { ...metadata, feed_sequence: sequence } };
    const entry: StoredEvent = { tenant, sequence, atMs, suffix, id: crypto.randomUUID(), data: numbered };
    feed.entries.push(entry);
    return this.#sign(feed, entry);
  }

  /** Events after `cursor`, as lines of JSON; what is being signed is waited for. */
  async read(tenant: string, cursor: number, limit: number): Promise<FeedPage> {
    const feed = this.#feeds.get(tenant);
    const lines: string[] = [];
    if (feed === undefined) return { lines, cursor };
    await feed.tail;
    let next = Math.max(cursor, feed.first - 1);
    while (lines.length < limit) {
      const line = feed.entries[next + 1 - feed.first]?.line;
      if (line === undefined) break;
      lines.push(line);
      next += 1;
    }
    return { lines, cursor: next };
  }

  /** Every signed line of every tenant, each tenant's in order; what is being signed is waited for. */
  async *all(): AsyncGenerator<string, void, undefined> {
    for (const feed of this.#feeds.values()) {
      await feed.tail;
      for (const { line } of feed.entries) if (line !== undefined) yield line;
    }
  }

  /** Whether no event was ever signed here. */
  get isEmpty(): boolean {
    return this.#feeds.size === 0;
  }

  /** Takes in an event that was signed elsewhere, in its order. */
  adopt({ tenant, event, line }: SignedElsewhere): void {
    const { suffix, id, time } = event;
    const feed = this.#feedOf(tenant, numberOf(event) ?? 1);
    const { data } = JSON.parse(line) as { readonly data: JsonObject };
    const sequence = feed.first + feed.entries.length;
    const entry = { tenant, sequence, atMs: Date.parse(time), suffix, id, data, line };
    feed.entries.push(entry);
    this.#write(entry);
  }

  /** What was stored, unsigned or not, for a service that takes up where another process ended. */
  *stored(): Generator<StoredEvent> {
    for (const { entries } of this.#feeds.values()) yield* entries;
  }

  #feedOf(tenant: string, first: number): Feed {
    let feed = this.#feeds.get(tenant);
    if (feed === undefined) {
      feed = { first, entries: [], tail: Promise.resolve() };
      this.#feeds.set(tenant, feed);
    }
    return feed;
  }

  #sign(feed: Feed, entry: StoredEvent): Promise<Signed> {
    this.#write(entry);
    const signing = feed.tail.then(async () => {
      const { keys, typePrefix } = this.#parts;
      const { tenant, suffix, data, atMs, id } = entry;
      const signer = { ...keys.current, source: this.sourceOf(tenant), typePrefix };
      entry.line = await signAuditEvent(suffix, data, signer, atMs, id);
      this.#write(entry);
      return signedFrom(id, entry.line);
    });
    feed.tail = signing.catch(() => {});
    return signing;
  }

  #write(entry: StoredEvent): void {
    this.#parts.journal?.changed(entryKey(entry), () => JSON.stringify(entry));
  }

  #prune(feed: Feed, nowMs: number): void {
    for (let [oldest] = feed.entries; oldest !== undefined; [oldest] = feed.entries) {
      const isKept = oldest.atMs + this.#parts.retentionMs >= nowMs && feed.entries.length < mostOfTenant;
      if (oldest.line === undefined || isKept) return;
      feed.entries.shift();
      feed.first += 1;
      this.#parts.journal?.removed(entryKey(oldest));
    }
  }
}

/** The number of an event in its feed, where its authority has signed one into it. */
export function numberOf({ data }: AuditEvent): number | undefined {
  const number = data.runtime_metadata?.["feed_sequence"];
  return typeof number === "number" ? number : undefined;
}

function entryKey({ tenant, sequence }: StoredEvent): string {
  return `${kind}/${tenant}/${sequence}`;
}

function signedFrom(id: string, line: string): Signed {
  const { aspsignature } = JSON.parse(line) as { readonly aspsignature: string };
  const binary = atob(aspsignature.replaceAll("-", "+").replaceAll("_", "/"));
  return { id, line, signature: Uint8Array.from(binary, (character) => character.charCodeAt(0)) };
}

import { type Clock, ConfigurationError, type Logger } from "@imprest/core";
import { type Shape, parseBase64url, parseWire } from "@imprest/core/internal";
import { type AuditDataBase, type AuditEvent, auditDataBySuffix } from "@imprest/core/models/asp";
import type { ApiKeys } from "../access/api-keys.ts";
import type { Settled } from "../ledger/facts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { adopt } from "./adopt.ts";
import { AspWire } from "./asp-wire.ts";
import type { AspBooks } from "./books.ts";
import { EventLog, type SignedElsewhere, type StoredEvent, numberOf, readStoredEvents } from "./event-log.ts";
import { FeedTime } from "./feed-time.ts";
import { type AspOptions, type AspSigningKey, resolveAspOptions } from "./options.ts";
import type { AspReservation, AspReservationInfo } from "./reservation.ts";
import { Reservations } from "./reservations.ts";
import { ReserveMemory } from "./reserve-memory.ts";
import { type KeptEvent, bookFolded, foldEvents } from "./restore.ts";
import { giveBackAtTtl } from "./settlement.ts";
import { SigningKeys } from "./signing-keys.ts";

/** One line of a feed, and the event that verifying it gave. */
export interface VerifiedLine {
  readonly line: string;
  readonly event: AuditEvent;
}

export interface AspPlaneParts {
  readonly ledger: Ledger;
  readonly apiKeys: ApiKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  /** How long what is over is remembered, in milliseconds. */
  readonly rememberedMs: number;
}

const mostRemembered = 100_000;

/** Everything of ASP on one ledger: keys, events, reservations, verbs, wire. */
export class AspPlane {
  readonly wire: AspWire;
  readonly #keys: SigningKeys;
  readonly #books: AspBooks;
  readonly #time: FeedTime;

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(given: AspOptions, parts: AspPlaneParts) {
    const { ledger, clock, rememberedMs } = parts;
    const options = resolveAspOptions(given);
    const { journal } = ledger;
    const { auditRetentionMs: retentionMs, graceWindowMs, issuer, typePrefix } = options;
    const time = new FeedTime(clock);
    this.#time = time;
    const retired = given.retiredKeys ?? [];
    const stored = readStoredEvents(ledger.claim("asp-event").values());
    for (const { atMs } of stored) time.reach(atMs);
    const keyParts = { retentionMs, journal, nowMs: () => time.now() };
    this.#keys = new SigningKeys(given.signingKey, retired, ledger.claim("asp-key").values(), keyParts);
    const log = new EventLog({ keys: this.#keys, issuer, typePrefix, retentionMs, journal }, stored);
    const onExpired = (reservation: AspReservation, atMs: number): void => this.#reportExpiry(reservation, atMs);
    const reservations = new Reservations({ clock, time, graceWindowMs, rememberedMs, mostRemembered, onExpired });
    const memory = new ReserveMemory();
    this.#books = { ledger, options, log, reservations, memory };
    const kept = Array.from(log.stored(), (event) => this.#keptFrom(event));
    for (const reservation of foldEvents(kept, memory, options)) reservations.add(reservation);
    ledger.listen((fact) => {
      if (fact.kind === "committed" || fact.kind === "released") this.#adopt(fact);
    });
    this.wire = new AspWire({ ...parts, books: this.#books, keys: this.#keys });
  }

  rotate(next: AspSigningKey): Promise<void> {
    return this.#keys.rotate(next);
  }

  reservations(tenant: string): AspReservationInfo[] {
    this.#books.reservations.advance();
    return Array.from(this.#books.reservations.all())
      .filter((reservation) => reservation.tenant === tenant)
      .map(({ id: reservationId, state, budgetId, unit, reserved, observed }) => {
        return { reservationId, state, budgetId, unit, reserved, observed };
      });
  }

  /** Every signed line, each tenant's in order. */
  events(): AsyncGenerator<string, void, undefined> {
    return this.#books.log.all();
  }

  /**
   * Restores reservations, answers, holds and spends from verified events alone, into budgets that an operator has
   * created anew. The feed goes on with the next number.
   * @throws ConfigurationError when an event was signed here already, for an event of another issuer, and for a feed with
   * a hole: a spend that is missing would be money to spend again. LedgerRefusal for a budget that is not there.
   */
  async rebuild(feed: Iterable<VerifiedLine> | AsyncIterable<VerifiedLine>): Promise<void> {
    const { ledger, log, memory, options, reservations } = this.#books;
    const lines: SignedElsewhere[] = [];
    const next = new Map<string, number>();
    for await (const { line, event } of feed) {
      const tenant = this.#tenantOf(event.source);
      lines.push({ tenant, event, line });
      const number = numberOf(event) ?? next.get(tenant) ?? 1;
      const expected = next.get(tenant) ?? number;
      if (number !== expected) {
        throw new ConfigurationError(`The feed of ${tenant} goes on with event ${number} where ${expected} belongs.`);
      }
      next.set(tenant, number + 1);
    }
    if (reservations.size > 0 || !log.isEmpty) {
      throw new ConfigurationError("Rebuild into an authority that has no reservations and has signed no events.");
    }
    for (const { event } of lines) this.#time.reach(Date.parse(event.time));
    const nowMs = reservations.advance();
    const folded = foldEvents(lines.map(keptFromLine), memory, options);
    // The one step that may fail, for a budget that is not there, so nothing else is done before it.
    bookFolded(folded, ledger, options, nowMs);
    for (const reservation of folded) reservations.add(reservation);
    for (const line of lines) log.adopt(line);
  }

  stop(): void {
    this.#books.reservations.stop();
  }

  #adopt(settled: Settled): void {
    const { reservations } = this.#books;
    const reservation = reservations.get(settled.reservationId);
    if (reservation === undefined || reservation.isSettling === true) return;
    adopt({ books: this.#books, reservation, nowMs: reservations.advance() }, settled);
  }

  /** The boundary has its event whether or not a late commit comes (ASP §3.3). */
  #reportExpiry(reservation: AspReservation, atMs: number): void {
    const { tenant, id, decisionId, ttlExpiresAtMs, reserved } = reservation;
    giveBackAtTtl({ books: this.#books, reservation, nowMs: atMs });
    const data = {
      decision_id: decisionId,
      reservation_id: id,
      ttl_expires_at: new Date(ttlExpiresAtMs).toISOString(),
      capacity_returned_atomic: reserved.toString(),
    };
    this.#books.log.append(tenant, "ttl_expired", data, atMs).then(
      () => this.#books.ledger.durable().catch(() => {}),
      () => {},
    );
  }

  #tenantOf(source: string): string {
    const prefix = `${this.#books.options.issuer}/asp/`;
    if (!source.startsWith(prefix))
      throw new ConfigurationError(`The feed holds an event of ${source}, not of this issuer.`);
    return decodeURIComponent(source.slice(prefix.length));
  }

  #keptFrom({ tenant, suffix, id, data, atMs, line }: StoredEvent): KeptEvent {
    const time = new Date(atMs).toISOString();
    const source = this.#books.log.sourceOf(tenant);
    const envelope = { id, source, type: "", datacontenttype: "application/json", time };
    // What was stored was written by this authority; only the amounts need reading.
    const shape: Shape<AuditDataBase> = auditDataBySuffix[suffix];
    const whole = parseWire(shape, { ...data, kid: "stored", event_time: time }, "stored event");
    const event = { ...envelope, suffix, data: whole } as AuditEvent;
    return { tenant, event, signature: line === undefined ? new Uint8Array() : signatureOf(line) };
  }
}

function keptFromLine({ tenant, event, line }: SignedElsewhere): KeptEvent {
  return { tenant, event, signature: signatureOf(line) };
}

function signatureOf(line: string): Uint8Array {
  const { aspsignature = "" } = JSON.parse(line) as { readonly aspsignature?: string };
  return parseBase64url(aspsignature) ?? new Uint8Array();
}

import { type Clock, ConfigurationError, type Logger, parseBase64url, parseJson } from "@imprest/core";
import { type AuditEvent } from "@imprest/core/models/asp";
import { auditDataSchemas } from "@imprest/core/models/asp/events";
import type { ApiKeys } from "../access/api-keys.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { adopt } from "./adopt.ts";
import { AspWire } from "./asp-wire.ts";
import type { AspBooks } from "./books.ts";
import { EventLog, type StoredEvent } from "./event-log.ts";
import { type AspOptions, type AspSigningKey, resolveAspOptions } from "./options.ts";
import type { AspReservation, AspReservationInfo } from "./reservation.ts";
import { Reservations } from "./reservations.ts";
import { ReserveMemory } from "./reserve-memory.ts";
import { type KeptEvent, bookFolded, foldEvents } from "./restore.ts";
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

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(given: AspOptions, parts: AspPlaneParts) {
    const { ledger, clock, rememberedMs } = parts;
    const options = resolveAspOptions(given);
    const { journal } = ledger;
    const { auditRetentionMs: retentionMs, graceWindowMs, issuer, typePrefix } = options;
    const nowMs = (): number => clock.now();
    const retired = given.retiredKeys ?? [];
    this.#keys = new SigningKeys(given.signingKey, retired, ledger.claim("asp-key").values(), {
      retentionMs,
      journal,
      nowMs,
    });
    const stored = ledger.claim("asp-event").values();
    const log = new EventLog({ keys: this.#keys, issuer, typePrefix, retentionMs, journal }, stored);
    const onExpired = (reservation: AspReservation, atMs: number): void => this.#tellExpiry(reservation, atMs);
    const reservations = new Reservations({ clock, graceWindowMs, rememberedMs, mostRemembered, onExpired });
    const memory = new ReserveMemory();
    this.#books = { ledger, options, log, reservations, memory };
    const kept = Array.from(log.stored(), (event) => this.#keptFrom(event));
    for (const reservation of foldEvents(kept, memory, options)) reservations.add(reservation);
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
   * @throws ConfigurationError when there are reservations already, or an event of another issuer.
   */
  async rebuild(feed: Iterable<VerifiedLine> | AsyncIterable<VerifiedLine>): Promise<void> {
    const { ledger, log, memory, options, reservations } = this.#books;
    if (reservations.size > 0) throw new ConfigurationError("Rebuild into an authority that has no reservations.");
    const kept: KeptEvent[] = [];
    for await (const { line, event } of feed) {
      const tenant = this.#tenantOf(event.source);
      const { aspsignature } = JSON.parse(line) as { readonly aspsignature: string };
      kept.push({ tenant, event, signature: parseBase64url(aspsignature) ?? new Uint8Array() });
      log.adopt(tenant, event, line);
    }
    const nowMs = reservations.advance();
    const folded = foldEvents(kept, memory, options);
    bookFolded(folded, ledger, reservations, options, nowMs);
  }

  stop(): void {
    this.#books.reservations.stop();
  }

  /** The boundary is told whether or not a late commit comes (ASP §3.3). */
  #tellExpiry(reservation: AspReservation, atMs: number): void {
    if (adopt({ books: this.#books, reservation, nowMs: atMs })) return;
    const { tenant, id, decisionId, ttlExpiresAtMs, reserved } = reservation;
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
    const whole = auditDataSchemas[suffix].safeParse({ ...data, kid: "stored", event_time: time });
    const event = { ...envelope, suffix, data: whole.data } as AuditEvent;
    const { aspsignature = "" } = (line === undefined ? {} : parseJson(line)) as { readonly aspsignature?: string };
    return { tenant, event, signature: parseBase64url(aspsignature) ?? new Uint8Array() };
  }
}

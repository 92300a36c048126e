import { type Clock, ConfigurationError, type Logger, parseBase64url, parseJson } from "@imprest/core";
import { type AuditEvent } from "@imprest/core/models/asp";
import { auditDataSchemas } from "@imprest/core/models/asp/events";
import type { ApiKeys } from "../access/api-keys.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { AspWire } from "./asp-wire.ts";
import { EventLog, type StoredEvent } from "./event-log.ts";
import { type AspOptions, type AspSigningKey, resolveAspOptions } from "./options.ts";
import type { AspReservation, AspReservationInfo } from "./reservation.ts";
import { Reservations } from "./reservations.ts";
import { type KeptEvent, bookFolded, foldEvents } from "./restore.ts";
import { AspService } from "./service.ts";
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
  readonly #log: EventLog;
  readonly #reservations: Reservations;
  readonly #service: AspService;
  readonly #options: ReturnType<typeof resolveAspOptions>;
  readonly #ledger: Ledger;

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(given: AspOptions, parts: AspPlaneParts) {
    const { ledger, clock, rememberedMs } = parts;
    const options = resolveAspOptions(given);
    const { journal } = ledger;
    const { auditRetentionMs: retentionMs, graceWindowMs, issuer, typePrefix } = options;
    const nowMs = (): number => clock.now();
    const retired = given.retiredKeys ?? [];
    this.#options = options;
    this.#ledger = ledger;
    this.#keys = new SigningKeys(given.signingKey, retired, ledger.claim("asp-key").values(), {
      retentionMs,
      journal,
      nowMs,
    });
    const stored = ledger.claim("asp-event").values();
    this.#log = new EventLog({ keys: this.#keys, issuer, typePrefix, retentionMs, journal }, stored);
    const onExpired = (reservation: AspReservation, atMs: number): void => this.#tellExpiry(reservation, atMs);
    this.#reservations = new Reservations({ clock, graceWindowMs, rememberedMs, mostRemembered, onExpired });
    this.#service = new AspService({ ledger, clock, options, log: this.#log, reservations: this.#reservations });
    const kept = Array.from(this.#log.stored(), (event) => this.#keptFrom(event));
    for (const reservation of foldEvents(kept, this.#service.memory, options)) this.#reservations.add(reservation);
    this.wire = new AspWire({ ...parts, service: this.#service, log: this.#log, keys: this.#keys, options });
  }

  rotate(next: AspSigningKey): Promise<void> {
    return this.#keys.rotate(next);
  }

  reservations(tenant: string): AspReservationInfo[] {
    this.#reservations.advance();
    return Array.from(this.#reservations.all())
      .filter((reservation) => reservation.tenant === tenant)
      .map(({ id: reservationId, state, budgetId, unit, reserved, observed }) => {
        return { reservationId, state, budgetId, unit, reserved, observed };
      });
  }

  /** Every signed line, each tenant's in order. */
  events(): AsyncGenerator<string, void, undefined> {
    return this.#log.all();
  }

  /**
   * Restores reservations, answers, holds and spends from verified events alone, into budgets that an operator has
   * created anew. The feed goes on with the next number.
   * @throws ConfigurationError when there are reservations already, or an event of another issuer.
   */
  async rebuild(feed: Iterable<VerifiedLine> | AsyncIterable<VerifiedLine>): Promise<void> {
    if (this.#reservations.size > 0)
      throw new ConfigurationError("Rebuild into an authority that has no reservations.");
    const kept: KeptEvent[] = [];
    for await (const { line, event } of feed) {
      const tenant = this.#tenantOf(event.source);
      const { aspsignature } = JSON.parse(line) as { readonly aspsignature: string };
      kept.push({ tenant, event, signature: parseBase64url(aspsignature) ?? new Uint8Array() });
      this.#log.adopt(tenant, event, line);
    }
    const nowMs = this.#reservations.advance();
    const folded = foldEvents(kept, this.#service.memory, this.#options);
    bookFolded(folded, this.#ledger, this.#reservations, this.#options, nowMs);
  }

  stop(): void {
    this.#reservations.stop();
  }

  /** The boundary is told whether or not a late commit comes (ASP §3.3). */
  #tellExpiry(reservation: AspReservation, atMs: number): void {
    if (this.#service.adopt(reservation, atMs)) return;
    const { tenant, id, decisionId, ttlExpiresAtMs, reserved } = reservation;
    const data = {
      decision_id: decisionId,
      reservation_id: id,
      ttl_expires_at: new Date(ttlExpiresAtMs).toISOString(),
      capacity_returned_atomic: reserved.toString(),
    };
    this.#log.append(tenant, "ttl_expired", data, atMs).then(
      () => this.#ledger.durable().catch(() => {}),
      () => {},
    );
  }

  #tenantOf(source: string): string {
    const prefix = `${this.#options.issuer}/asp/`;
    if (!source.startsWith(prefix))
      throw new ConfigurationError(`The feed holds an event of ${source}, not of this issuer.`);
    return decodeURIComponent(source.slice(prefix.length));
  }

  #keptFrom({ tenant, suffix, id, data, atMs, line }: StoredEvent): KeptEvent {
    const time = new Date(atMs).toISOString();
    const envelope = { id, source: this.#log.sourceOf(tenant), type: "", datacontenttype: "application/json", time };
    // What was stored was written by this authority; only the amounts need reading.
    const whole = auditDataSchemas[suffix].safeParse({ ...data, kid: "stored", event_time: time });
    const event = { ...envelope, suffix, data: whole.data } as AuditEvent;
    const { aspsignature = "" } = (line === undefined ? {} : parseJson(line)) as { readonly aspsignature?: string };
    return { tenant, event, signature: parseBase64url(aspsignature) ?? new Uint8Array() };
  }
}

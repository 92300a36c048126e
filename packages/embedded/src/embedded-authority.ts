import { type Clock, ConfigurationError, silentLogger, systemClock } from "@imprest/core";
import type { Ed25519KeyPair } from "@imprest/core/audit";
import type { EvidenceJwk } from "@imprest/cycles/evidence";
import { type ApiKeyInfo, ApiKeys } from "./access/api-keys.ts";
import { AspPlane, type VerifiedLine } from "./asp/asp-plane.ts";
import type { AspSigningKey } from "./asp/options.ts";
import type { AspReservationInfo } from "./asp/reservation.ts";
import { CyclesWire } from "./cycles/cycles-wire.ts";
import { fetchHandler } from "./http/fetch-handler.ts";
import type { WireRequest, WireResponse } from "./http/wire.ts";
import { type EmbeddedAuthorityOptions, checkOptions } from "./embedded-options.ts";
import { Attestor } from "./evidence/attestor.ts";
import { InProcessSigner } from "./evidence/in-process-signer.ts";
import { closeCorrelation } from "./governance/correlation-ids.ts";
import { EventStream } from "./governance/event-stream.ts";
import { GovernancePlane } from "./governance/plane.ts";
import type { Webhook } from "./governance/webhook.ts";
import type { WebhookInfo, Webhooks } from "./governance/webhooks.ts";
import type { BudgetBalance } from "./ledger/budget.ts";
import { Ledger } from "./ledger/ledger.ts";
import type { BudgetAddress, BudgetScope, CreateBudget, FundBudget } from "./ledger/operator.ts";
import { assertName } from "./ledger/scopes.ts";
import { LedgerSpendAuthority, type SpendAuthorityOptions } from "./authority/spend-authority.ts";

/** How long a finished reservation of ASP is remembered unless `retention.forMs` says: one day. */
const aspRememberedMs = 86_400_000;

/**
 * A budget authority in your process: one ledger, for code in the same process (`authority`), for any web-standard
 * server (`handler`) and for a Node server (`serve` of `@imprest/embedded/node`). The operator's methods resolve once
 * what they did is durable, and reject with `LedgerRefusal` for what cannot be done.
 */
export class EmbeddedAuthority {
  readonly maxBodyBytes: number;
  readonly #ledger: Ledger;
  readonly #apiKeys: ApiKeys;
  readonly #wire: CyclesWire;
  readonly #asp: AspPlane | undefined;
  readonly #handler: (request: Request) => Promise<Response>;
  readonly #attestor: Attestor | undefined;
  readonly #events: EventStream;
  readonly #governance: GovernancePlane | undefined;
  readonly #clock: Clock;

  /** @throws ConfigurationError, and LedgerUnavailableError when the store cannot be read. */
  constructor(options: EmbeddedAuthorityOptions = {}) {
    const {
      logger = silentLogger,
      rateLimit,
      maxBodyBytes = 262_144,
      evidence,
      asp,
      governance,
      onEvent,
      ...rest
    } = options;
    checkOptions(options);
    this.#clock = options.clock ?? systemClock;
    this.#ledger = new Ledger(rest);
    this.#apiKeys = new ApiKeys(this.#ledger.journal, this.#ledger.claim("api-key"));
    this.#attestor =
      evidence &&
      new Attestor({
        options: evidence,
        clock: this.#clock,
        logger,
        journal: this.#ledger.journal,
        storedKeys: this.#ledger.claim("evidence-key"),
        storedEvidence: this.#ledger.claim("evidence"),
      });
    this.#events = new EventStream(this.#ledger, onEvent);
    this.#governance =
      governance &&
      new GovernancePlane(governance, { ledger: this.#ledger, events: this.#events, clock: this.#clock, logger });
    this.maxBodyBytes = maxBodyBytes;
    this.#wire = new CyclesWire({
      ledger: this.#ledger,
      apiKeys: this.#apiKeys,
      clock: this.#clock,
      logger,
      rateLimit,
      maxBodyBytes,
      evidence: this.#attestor,
      governance: this.#governance,
    });
    const parts = {
      ledger: this.#ledger,
      apiKeys: this.#apiKeys,
      clock: this.#clock,
      logger,
      maxBodyBytes,
      rememberedMs: options.retention?.forMs ?? aspRememberedMs,
    };
    this.#asp = asp && new AspPlane(asp, parts);
    this.#handler = fetchHandler({ maxBodyBytes, answer: (request) => this.answer(request) });
  }

  /**
   * `(Request) => Promise<Response>`, speaking the runtime plane of the Cycles protocol, and ASP where it is configured.
   * @throws ConfigurationError when evidence is to be signed and `evidence.serverId` is missing: a request's own URL
   * is whatever its sender says.
   */
  get handler(): (request: Request) => Promise<Response> {
    this.#attestor?.assertAddressed();
    return this.#handler;
  }

  /**
   * The kernel's port onto one tenant's budgets, with no HTTP between.
   * @throws ConfigurationError when evidence is to be signed, `evidence.serverId` is missing and nothing is served yet.
   */
  authority(options: SpendAuthorityOptions): LedgerSpendAuthority {
    assertName(options.tenant, "The tenant");
    this.#attestor?.assertAddressed();
    const signer = this.#attestor && new InProcessSigner(this.#attestor);
    const parts = { ledger: this.#ledger, signer };
    return new LedgerSpendAuthority(parts, { clock: this.#clock, ...options });
  }

  /**
   * Tells, once it listens, where a server serves it; evidence that was configured without a `serverId` is signed in
   * the name of the first such URL. @throws ConfigurationError, and LedgerUnavailableError, when nothing can be signed.
   */
  async servedAt(url: string): Promise<void> {
    this.#attestor?.address(`${url}/v1`);
    await this.#attestor?.jwks();
  }

  /** Answers one request of the wire, for servers that build no `Request`. Never rejects. */
  answer(request: WireRequest): Promise<WireResponse> {
    return this.#asp?.wire.answers(request.target) ? this.#asp.wire.answer(request) : this.#wire.answer(request);
  }

  /** Makes a tenant's record; one that exists stands as it is. Budgets and keys make it too. */
  createTenant(name: string): Promise<void> {
    return this.#perform(() => this.#ledger.createTenant(name));
  }

  /**
   * Closes a tenant for good: its reservations are released, its budgets closed and its API keys revoked, in one step
   * (Cycles governance §CASCADE SEMANTICS). With `keepApiKeys` its keys still read, for an audit after the close.
   */
  closeTenant(name: string, { keepApiKeys = false }: { readonly keepApiKeys?: boolean } = {}): Promise<void> {
    return this.#perform(() => {
      const correlationId = closeCorrelation(name, this.#ledger.closeTenant(name));
      this.#governance?.webhooks.disableAllOf(name, correlationId);
      if (keepApiKeys) return;
      for (const { id } of this.#apiKeys.revokeAllOf(name)) {
        const data = { key_id: id, prior_status: "ACTIVE", new_status: "REVOKED", cascade_reason: "tenant_closed" };
        this.#events.emit({ type: "api_key.revoked_via_tenant_cascade", tenant: name, data, correlationId });
      }
    });
  }

  /** Creates the budget of a scope in one unit. */
  createBudget(request: CreateBudget): Promise<BudgetBalance> {
    return this.#perform(() => this.#ledger.createBudget(request));
  }

  /** Adds funds; debt is repaid first, and an over-limit flag is cleared. */
  fundBudget(request: FundBudget): Promise<BudgetBalance> {
    return this.#perform(() => this.#ledger.fundBudget(request));
  }

  /** Pays debt off with funds from outside. */
  repayDebt(request: FundBudget): Promise<BudgetBalance> {
    return this.#perform(() => this.#ledger.repayDebt(request));
  }

  /** Stops reservations, events and funding until it is unfrozen; active reservations can still be settled. */
  freezeBudget(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#perform(() => this.#ledger.freezeBudget(address));
  }

  /** Lets a frozen budget be reserved from again. */
  unfreezeBudget(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#perform(() => this.#ledger.unfreezeBudget(address));
  }

  /** Stops reservations, events and funding for good; active reservations can still be settled. */
  closeBudget(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#perform(() => this.#ledger.closeBudget(address));
  }

  /** A budget as it stands. */
  getBudget(address: BudgetAddress): Promise<BudgetBalance> {
    return this.#perform(() => this.#ledger.getBudget(address));
  }

  /** Every balance of a tenant under a scope, the scope's own included. */
  async listBudgets({ scope, tenant = scope.tenant }: BudgetScope): Promise<BudgetBalance[]> {
    assertName(tenant, "The tenant");
    const all: BudgetBalance[] = [];
    let cursor: string | undefined;
    do {
      const request = { tenant, subject: scope, includeChildren: true, limit: 200, cursor };
      const page = await this.#perform(() => this.#ledger.listBalances(request));
      all.push(...page.rows);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return all;
  }

  /** Binds a key to a tenant: the operator's own, or a fresh one. Only its hash is kept, so this is the only time it is told. */
  createApiKey(request: {
    readonly tenant: string;
    readonly key?: string | undefined;
  }): Promise<{ readonly id: string; readonly key: string }> {
    return this.#perform(() => {
      this.#ledger.createTenant(request.tenant);
      const created = this.#apiKeys.create(request.tenant, request.key);
      const data = { key_id: created.id, new_status: "ACTIVE" };
      this.#events.emit({ type: "api_key.created", tenant: request.tenant, data });
      return created;
    });
  }

  /** Requests with that key are refused from now on. */
  revokeApiKey(id: string): Promise<void> {
    return this.#perform(() => {
      const { tenant, status } = this.#apiKeys.revoke(id);
      if (status === "REVOKED") return;
      const data = { key_id: id, previous_status: status, new_status: "REVOKED" };
      this.#events.emit({ type: "api_key.revoked", tenant, data });
    });
  }

  /** Ids and states; the keys themselves are not kept. */
  listApiKeys(tenant: string): Promise<ApiKeyInfo[]> {
    return this.#perform(() => this.#apiKeys.list(tenant));
  }

  /**
   * Delivers events to a URL from now on. It is not stored, because its secret must not be: add it again at every start,
   * and what waited for it under its id is delivered.
   * @throws ConfigurationError for one that cannot be used, or unless `governance` is configured; LedgerRefusal.
   */
  addWebhook(webhook: Webhook): Promise<void> {
    return this.#perform(() => this.#webhooks().add(webhook));
  }

  /** Forgets a webhook; what waited for it is not sent any more. */
  removeWebhook(id: string): Promise<void> {
    return this.#perform(() => this.#webhooks().remove(id));
  }

  /** Stops a webhook's deliveries; what comes meanwhile is not queued. */
  pauseWebhook(id: string): Promise<void> {
    return this.#perform(() => this.#webhooks().pause(id));
  }

  /** Delivers again, after a pause or after too many failures. */
  resumeWebhook(id: string): Promise<void> {
    return this.#perform(() => this.#webhooks().resume(id));
  }

  /** Every subscription and its state, without its secret. */
  listWebhooks(): Promise<WebhookInfo[]> {
    return this.#perform(() => this.#webhooks().list());
  }

  /** Signs ASP's events with another key from now on; the one before stays published as long as its events are kept. */
  async rotateAspKey(next: AspSigningKey): Promise<void> {
    await this.#aspPlane().rotate(next);
    await this.#ledger.durable();
  }

  /** A tenant's reservations over ASP, as far as they are remembered. */
  aspReservations(tenant: string): AspReservationInfo[] {
    return this.#aspPlane().reservations(tenant);
  }

  /** Every signed event that is kept, as lines of JSON, each tenant's in order. */
  aspEvents(): AsyncGenerator<string, void, undefined> {
    return this.#aspPlane().events();
  }

  /**
   * Restores what ASP's events tell: reservations, answers, holds and spends, into budgets that were created anew. The
   * caller has verified the lines (`verifyAuditEvent` of `@imprest/asp/audit`).
   * @throws ConfigurationError when something was told here already, for an event of another issuer, and for a feed with
   * a hole or out of order; LedgerRefusal for a budget that is not there. Nothing is restored then.
   */
  async rebuild(feed: Iterable<VerifiedLine> | AsyncIterable<VerifiedLine>): Promise<void> {
    await this.#aspPlane().rebuild(feed);
    await this.#ledger.durable();
  }

  /**
   * Signs evidence with another key from now on: the operator's own, or a fresh one. What the old key signed stays
   * verifiable: it stays published, with its end. @throws ConfigurationError unless evidence is configured, and for a
   * key that signed before.
   */
  rotateEvidenceKey({ keyPair }: { readonly keyPair?: Ed25519KeyPair | undefined } = {}): Promise<EvidenceJwk> {
    return this.#evidenceOf((attestor) => attestor.rotate(keyPair));
  }

  /** Every key that signs or signed evidence, as it is published. @throws ConfigurationError unless it is configured. */
  listEvidenceKeys(): Promise<readonly EvidenceJwk[]> {
    return this.#evidenceOf(async (attestor) => (await attestor.jwks()).keys);
  }

  /** Resolves once everything is durable and the store is closed. Calls that come later fail. */
  close(): Promise<void> {
    this.#asp?.stop();
    this.#governance?.stop();
    return this.#ledger.close();
  }

  /** `await using`: as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #webhooks(): Webhooks {
    if (this.#governance !== undefined) return this.#governance.webhooks;
    throw new ConfigurationError("This authority delivers no events; give it the option governance.");
  }

  #aspPlane(): AspPlane {
    if (this.#asp !== undefined) return this.#asp;
    throw new ConfigurationError("This authority does not speak ASP; give it the option asp.");
  }

  async #evidenceOf<Outcome>(operation: (attestor: Attestor) => Promise<Outcome>): Promise<Outcome> {
    if (this.#attestor === undefined) throw new ConfigurationError("No evidence is signed; configure `evidence`.");
    const outcome = await operation(this.#attestor);
    await this.#ledger.durable();
    return outcome;
  }

  async #perform<Outcome>(operation: () => Outcome): Promise<Outcome> {
    const outcome = operation();
    await this.#ledger.durable();
    return outcome;
  }
}

/** @throws ConfigurationError, and LedgerUnavailableError when the store cannot be read. */
export function createEmbeddedAuthority(options?: EmbeddedAuthorityOptions): EmbeddedAuthority {
  return new EmbeddedAuthority(options);
}

import { type Clock, silentLogger, systemClock } from "@imprest/core";
import { ApiKeys } from "../access/api-keys.ts";
import { AspPlane } from "../asp/asp-plane.ts";
import { LedgerSpendAuthority, type SpendAuthorityOptions } from "../authority/spend-authority.ts";
import { CyclesWire } from "../cycles/cycles-wire.ts";
import { Attestor } from "../evidence/attestor.ts";
import { InProcessSigner } from "../evidence/in-process-signer.ts";
import { EventStream } from "../governance/event-stream.ts";
import { GovernancePlane } from "../governance/plane.ts";
import { fetchHandler } from "../http/fetch-handler.ts";
import { healthAnswer } from "../http/health.ts";
import type { RequestHead, WireRequest, WireResponse } from "../http/wire.ts";
import { admissionBy } from "../ledger/admission.ts";
import { Ledger } from "../ledger/ledger.ts";
import { assertName } from "../ledger/scopes.ts";
import { ApiKeyGroup } from "./api-keys.ts";
import { AuditGroup } from "./audit.ts";
import { BudgetGroup } from "./budgets.ts";
import type { BareOptions, Configured, KnownOptions } from "./configured.ts";
import { type EmbeddedAuthorityOptions, checkOptions } from "./embedded-options.ts";
import { EventGroup } from "./events.ts";
import { EvidenceGroup } from "./evidence.ts";
import { listenOnceDurable } from "./listen-once-durable.ts";
import { TenantGroup } from "./tenants.ts";
import { WebhookGroup } from "./webhooks.ts";

/** How long a finished reservation of ASP is remembered unless `retention.forMs` says: one day. */
const aspRememberedMs = 86_400_000;

/** What every embedded authority has, however it is configured. */
class Embedded {
  readonly maxBodyBytes: number;
  readonly budgets: BudgetGroup;
  readonly tenants: TenantGroup;
  readonly apiKeys: ApiKeyGroup;
  readonly #ledger: Ledger;
  readonly #wire: CyclesWire;
  readonly #asp: AspPlane | undefined;
  readonly #handler: (request: Request) => Promise<Response>;
  readonly #attestor: Attestor | undefined;
  readonly #governance: GovernancePlane | undefined;
  readonly #clock: Clock;

  constructor(options: EmbeddedAuthorityOptions) {
    const {
      logger = silentLogger,
      rateLimit,
      maxBodyBytes = 262_144,
      evidence,
      asp,
      governance,
      onEvent,
      onFact,
    } = options;
    checkOptions(options);
    const clock = options.clock ?? systemClock;
    const ledger = new Ledger(options, admissionBy(options));
    const { journal } = ledger;
    const apiKeys = new ApiKeys(journal, ledger.claim("api-key"));
    this.#clock = clock;
    this.#ledger = ledger;
    const storedKeys = ledger.claim("evidence-key");
    const storedEvidence = ledger.claim("evidence");
    this.#attestor =
      evidence && new Attestor({ options: evidence, clock, logger, journal, storedKeys, storedEvidence });
    const events = new EventStream(ledger, onEvent);
    listenOnceDurable(ledger, onFact);
    this.#governance = governance && new GovernancePlane(governance, { ledger, events, clock, logger });
    this.maxBodyBytes = maxBodyBytes;
    const served = { ledger, apiKeys, clock, logger, maxBodyBytes };
    const fillsInTenant = options.fillInTenant ?? false;
    this.#wire = new CyclesWire({
      ...served,
      fillsInTenant,
      rateLimit,
      evidence: this.#attestor,
      governance: this.#governance,
    });
    const rememberedMs = options.retention?.forMs ?? aspRememberedMs;
    this.#asp = asp && new AspPlane(asp, { ...served, rememberedMs });
    const knowsCaller = (head: RequestHead): boolean => this.knowsCaller(head);
    this.#handler = fetchHandler({ maxBodyBytes, knowsCaller, answer: (request) => this.answer(request) });
    this.budgets = new BudgetGroup(ledger);
    this.tenants = new TenantGroup(ledger, { apiKeys, webhooks: this.#governance?.webhooks, events });
    this.apiKeys = new ApiKeyGroup({ ledger, apiKeys, events });
    Object.assign(this, this.#configured());
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
    return new LedgerSpendAuthority({ ledger: this.#ledger, signer }, { clock: this.#clock, ...options });
  }

  /**
   * Is called by a server, once it listens, with its URL; evidence that was configured without a `serverId` is signed in
   * the name of the first such URL. @throws ConfigurationError, and LedgerUnavailableError, when nothing can be signed.
   */
  async servedAt(url: string): Promise<void> {
    this.#attestor?.address(`${url}/v1`);
    await this.#attestor?.jwks();
  }

  /** Whether a key comes with a request that the authority knows: a server need not read the body of any other. */
  knowsCaller(request: RequestHead): boolean {
    const wire = this.#asp?.wire.answers(request.target) ? this.#asp.wire : this.#wire;
    return wire.knowsCaller(request);
  }

  /** Answers one request of the wire, for servers that build no `Request`. Never rejects. */
  answer(request: WireRequest): Promise<WireResponse> {
    const health = healthAnswer(request, () => this.#ledger.isSound);
    if (health !== undefined) return Promise.resolve(health);
    return this.#asp?.wire.answers(request.target) ? this.#asp.wire.answer(request) : this.#wire.answer(request);
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

  /** The groups that there are because of an option; `Configured` is their type. */
  #configured(): Partial<Configured<Required<EmbeddedAuthorityOptions>>> {
    const ledger = this.#ledger;
    const plane = this.#governance;
    return {
      ...(plane && { webhooks: new WebhookGroup(ledger, plane.webhooks), events: new EventGroup(ledger, plane) }),
      ...(this.#attestor && { evidence: new EvidenceGroup(ledger, this.#attestor) }),
      ...(this.#asp && { audit: new AuditGroup(ledger, this.#asp) }),
    };
  }
}

/**
 * A budget authority in your process: one ledger, for code in the same process (`authority`), for any web-standard
 * server (`handler`) and for a Node server (`serve` of `@imprest/embedded/node`). The operator's methods stand in groups
 * by what they act on; each resolves once what it did is durable, and rejects with `LedgerRefusal` for what cannot be
 * done. `webhooks` and `events` are there with the option `governance`, `evidence` with `evidence`, `audit` with `asp`.
 */
export type EmbeddedAuthority<Options extends EmbeddedAuthorityOptions = EmbeddedAuthorityOptions> = Embedded &
  Configured<Options>;

/**
 * @throws ConfigurationError, and LedgerUnavailableError when the store cannot be read.
 * @example
 * const embedded = createEmbeddedAuthority({ store: sqliteStore({ file: "ledger.sqlite" }) });
 * await embedded.budgets.create({ scope: { tenant: "acme" }, allocated: usd("5.00") });
 * const authority = embedded.authority({ tenant: "acme" });
 */
export function createEmbeddedAuthority<Options extends EmbeddedAuthorityOptions = BareOptions>(
  options?: KnownOptions<Options>,
): EmbeddedAuthority<Options> {
  return new Embedded(options ?? {}) as EmbeddedAuthority<Options>;
}

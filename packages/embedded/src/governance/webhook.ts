import { ConfigurationError } from "@imprest/core";
import { Secret, isLoopback } from "@imprest/core/internal";
import type { EmittedEvent } from "@imprest/core/models/cycles";
import { assertName, canonicalScope } from "../ledger/scopes.ts";
import { type AddressRange, isAddress, mayReach } from "./address.ts";
import type { ResolvedGovernance } from "./options.ts";
import { tenantCategories } from "./list-events.ts";

/** When a failed delivery is tried again (Cycles governance §WebhookRetryPolicy). */
export interface WebhookRetry {
  /** After the first attempt: 0 to 10. By default: 5. */
  readonly maxRetries?: number | undefined;
  /** 100 to 60,000. By default: 1,000. */
  readonly initialDelayMs?: number | undefined;
  /** 1 to 10. By default: 2. */
  readonly backoffMultiplier?: number | undefined;
  /** 1,000 to 3,600,000. By default: 60,000. */
  readonly maxDelayMs?: number | undefined;
}

/** Where events are to be delivered (Cycles governance §WebhookSubscription). */
export interface Webhook {
  /** 1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`. What is stored of the webhook is found again by it. */
  readonly id: string;
  /** Whose events; the events of all tenants, and of the system, when absent. */
  readonly tenant?: string | undefined;
  /** `https:`, or `http:` on this machine. Sent as it is, with no redirect followed. */
  readonly url: string;
  /** What deliveries are signed with: 8 characters at least. Never stored and never shown. */
  readonly secret: string;
  /** At least one type or category. */
  readonly eventTypes?: readonly string[] | undefined;
  readonly eventCategories?: readonly string[] | undefined;
  /** A scope path, or its beginning followed by `*`: `"tenant:acme/*"`. Events without a scope are left out then. */
  readonly scopeFilter?: string | undefined;
  readonly retry?: WebhookRetry | undefined;
  /** So many deliveries that failed for good, one after the other, disable it. By default: 10. */
  readonly disableAfterFailures?: number | undefined;
}

/** A webhook that was checked, its secret closed away. */
export interface CheckedWebhook {
  readonly id: string;
  readonly tenant: string | undefined;
  readonly url: string;
  readonly secret: Secret;
  readonly retry: Readonly<Record<keyof WebhookRetry, number>>;
  readonly disableAfterFailures: number;
  receives(event: EmittedEvent): boolean;
}

/** @throws ConfigurationError naming the member that cannot be used. */
export function checkWebhook(
  webhook: Webhook,
  { allowInsecureHttp, allowAddresses }: Pick<ResolvedGovernance, "allowInsecureHttp" | "allowAddresses">,
): CheckedWebhook {
  const { id, tenant, secret, eventTypes = [], eventCategories = [], scopeFilter, disableAfterFailures = 10 } = webhook;
  if (!/^[\w.-]{1,128}$/.test(id)) throw wrong(id, "needs an id of letters, digits, dots, dashes and underscores");
  if (tenant !== undefined) assertName(tenant, "The tenant of the webhook");
  if (secret.length < 8) throw wrong(id, "needs a secret of 8 characters at least");
  if (eventTypes.length + eventCategories.length === 0)
    throw wrong(id, "selects nothing; name eventTypes or categories");
  if (tenant !== undefined) {
    assertAccessible(id, eventTypes, eventCategories);
    assertReachable(id, webhook.url, allowAddresses);
  }
  if (!(Number.isSafeInteger(disableAfterFailures) && disableAfterFailures > 0)) {
    throw wrong(id, "needs a whole disableAfterFailures above zero");
  }
  const types = new Set(eventTypes);
  const categories = new Set(eventCategories);
  return {
    id,
    tenant,
    url: checkUrl(id, webhook.url, allowInsecureHttp),
    secret: new Secret(secret),
    retry: checkRetry(id, webhook.retry),
    disableAfterFailures,
    receives: (event) =>
      (tenant === undefined || (event.tenant_id === tenant && tenantCategories.has(event.category))) &&
      (types.has(event.event_type) || categories.has(event.category)) &&
      (scopeFilter === undefined || isWithin(event.scope, scopeFilter)),
  };
}

/** A tenant chooses where its webhook goes, so nothing that is the administrator's may go there. */
function assertAccessible(id: string, types: readonly string[], categories: readonly string[]): void {
  const all = [...types.map((type) => type.slice(0, Math.max(0, type.indexOf(".")))), ...categories];
  const other = all.find((category) => !tenantCategories.has(category));
  if (other === undefined) return;
  throw wrong(id, `is a tenant's, and those receive ${[...tenantCategories].join(", ")} events only, not "${other}"`);
}

/** What only this machine and its neighbours reach is no tenant's to be sent to, in whatever spelling. */
function assertReachable(id: string, text: string, allowed: readonly AddressRange[]): void {
  const hostname = URL.canParse(text) ? new URL(text).hostname : "";
  const isLocalName = /(^|\.)localhost\.?$/.test(hostname);
  if (isLocalName ? mayReach("127.0.0.1", allowed) : !isAddress(hostname) || mayReach(hostname, allowed)) return;
  throw wrong(id, "goes to an address that is not public; an operator may allow it in governance.allowAddresses");
}

function isWithin(eventScope: string | undefined, scopeFilter: string): boolean {
  if (eventScope === undefined) return false;
  const [scope, filter] = [canonicalScope(eventScope), canonicalScope(scopeFilter)];
  return filter.endsWith("*") ? scope.startsWith(filter.slice(0, -1)) : scope === filter;
}

function checkUrl(id: string, text: string, allowInsecureHttp: boolean): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw wrong(id, "needs an https: URL");
  if (url.username !== "" || url.password !== "" || url.hash !== "") {
    throw wrong(id, "has a URL with credentials or a fragment; remove them");
  }
  if (url.protocol === "http:" && !allowInsecureHttp && !isLoopback(url.hostname)) {
    throw wrong(id, "needs an https: URL, or allowInsecureHttp");
  }
  return url.href;
}

function checkRetry(id: string, retry: WebhookRetry = {}): CheckedWebhook["retry"] {
  const { maxRetries = 5, initialDelayMs = 1_000, backoffMultiplier = 2, maxDelayMs = 60_000 } = retry;
  const within = (name: string, value: number, least: number, most: number): void => {
    if (!(value >= least && value <= most)) throw wrong(id, `needs retry.${name} from ${least} to ${most}`);
  };
  within("maxRetries", maxRetries, 0, 10);
  within("initialDelayMs", initialDelayMs, 100, 60_000);
  within("backoffMultiplier", backoffMultiplier, 1, 10);
  within("maxDelayMs", maxDelayMs, 1_000, 3_600_000);
  return { maxRetries, initialDelayMs, backoffMultiplier, maxDelayMs };
}

function wrong(id: string, what: string): ConfigurationError {
  return new ConfigurationError(`The webhook "${id}" ${what}.`);
}

import { ConfigurationError, type Transport, defaultTransport } from "@imprest/core";
import { type AddressRange, parseRange } from "./address.ts";

/** How long events and deliveries are kept; whichever bound is reached first. No tenant's count against another's. */
export interface EventRetention {
  /** Milliseconds. By default: 90 days (Cycles governance §Event, RETENTION). */
  readonly forMs?: number | undefined;
  /** How many events of a tenant, and of the system. By default: 20,000. */
  readonly events?: number | undefined;
  /** Bytes of a tenant's events, as JSON. By default: 33,554,432. */
  readonly eventBytes?: number | undefined;
  /** How many deliveries of one webhook, those that wait included. By default: 10,000. */
  readonly deliveries?: number | undefined;
  /** Milliseconds. By default: 14 days (Cycles §Webhook delivery protocol, Retention). */
  readonly deliveriesForMs?: number | undefined;
}

/** Turns the governance plane of the Cycles protocol on: events are kept, served and delivered. */
export interface GovernanceOptions {
  /** Who may act as administrator (`X-Admin-API-Key`): 16 to 256 visible ASCII characters each. */
  readonly adminKeys: readonly string[];
  readonly retention?: EventRetention | undefined;
  /** How webhooks are sent; the platform's own when absent. */
  readonly transport?: Transport | undefined;
  /** How webhooks that belong to a tenant are sent; as the others when absent. On Node: `checkedTransport`. */
  readonly tenantTransport?: Transport | undefined;
  /** How long a receiver may take for its whole answer, in milliseconds. By default: 10,000. */
  readonly deliveryTimeoutMs?: number | undefined;
  /**
   * A delivery that waited for longer, in milliseconds, is failed instead of sent: after a long outage nobody wants
   * yesterday's alarms. By default: 24 hours (Cycles §Webhook delivery protocol, Retention).
   */
  readonly staleAfterMs?: number | undefined;
  /**
   * Ranges of addresses that the webhook of a tenant may go to besides public ones: `"10.1.0.0/16"`, `"127.0.0.0/8"`. A webhook
   * that belongs to no tenant is the operator's own and goes anywhere. Names are checked where they are resolved: give
   * `checkedTransport` of `@imprest/embedded/node` as `tenantTransport`.
   */
  readonly allowAddresses?: readonly string[] | undefined;
  /** Webhooks may go to http: URLs beyond this machine. By default: false. */
  readonly allowInsecureHttp?: boolean | undefined;
}

/** The options with every default filled in. */
export interface ResolvedGovernance {
  readonly adminKeys: readonly string[];
  readonly retention: Readonly<Record<keyof EventRetention, number>>;
  readonly transport: Transport;
  readonly tenantTransport: Transport;
  readonly deliveryTimeoutMs: number;
  readonly staleAfterMs: number;
  readonly allowInsecureHttp: boolean;
  readonly allowAddresses: readonly AddressRange[];
}

const dayMs = 86_400_000;

/** @throws ConfigurationError naming the option. */
export function resolveGovernance(options: GovernanceOptions): ResolvedGovernance {
  const { retention = {}, deliveryTimeoutMs = 10_000, allowInsecureHttp = false } = options;
  const { staleAfterMs = dayMs } = options;
  const { forMs = 90 * dayMs, events = 20_000, deliveries = 10_000, deliveriesForMs = 14 * dayMs } = retention;
  const { eventBytes = 33_554_432 } = retention;
  const kept = { forMs, events, eventBytes, deliveries, deliveriesForMs };
  for (const [name, value] of Object.entries(kept)) check(`retention.${name}`, value);
  check("deliveryTimeoutMs", deliveryTimeoutMs);
  check("staleAfterMs", staleAfterMs);
  const transport = options.transport ?? defaultTransport();
  return {
    adminKeys: options.adminKeys,
    transport,
    tenantTransport: options.tenantTransport ?? transport,
    retention: kept,
    deliveryTimeoutMs,
    staleAfterMs,
    allowInsecureHttp,
    allowAddresses: rangesOf(options.allowAddresses ?? []),
  };
}

function rangesOf(texts: readonly string[]): AddressRange[] {
  return texts.map((text) => {
    const range = parseRange(text);
    if (range !== undefined) return range;
    throw new ConfigurationError(`governance.allowAddresses: "${text}" is no range; write 10.1.0.0/16.`);
  });
}

function check(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new ConfigurationError(`governance.${name} must be a whole number above zero.`);
}

import { ConfigurationError, type Transport, defaultTransport } from "@imprest/core";

/** How long events and deliveries are kept; whichever bound is reached first. */
export interface EventRetention {
  /** Milliseconds. Default: 90 days (Cycles governance §Event, RETENTION). */
  readonly forMs?: number | undefined;
  /** How many events. Default: 20,000. */
  readonly events?: number | undefined;
  /** How many deliveries of one webhook, those that wait included. Default: 10,000. */
  readonly deliveries?: number | undefined;
}

/** Turns the governance plane of the Cycles protocol on: events are kept, served and delivered. */
export interface GovernanceOptions {
  /** Who may act as administrator (`X-Admin-API-Key`): 16 to 256 visible ASCII characters each. */
  readonly adminKeys: readonly string[];
  readonly retention?: EventRetention | undefined;
  /** How webhooks are sent; the platform's own when absent. */
  readonly transport?: Transport | undefined;
  /** How long a receiver may take for its whole answer, in milliseconds. Default: 10,000. */
  readonly deliveryTimeoutMs?: number | undefined;
  /** Webhooks may go to http: URLs beyond this machine. Default: false. */
  readonly allowInsecureHttp?: boolean | undefined;
}

/** The options with every default filled in. */
export interface ResolvedGovernance {
  readonly adminKeys: readonly string[];
  readonly retention: { readonly forMs: number; readonly events: number; readonly deliveries: number };
  readonly transport: Transport;
  readonly deliveryTimeoutMs: number;
  readonly allowInsecureHttp: boolean;
}

const ninetyDaysMs = 7_776_000_000;

/** @throws ConfigurationError naming the option. */
export function resolveGovernance(options: GovernanceOptions): ResolvedGovernance {
  const { retention = {}, deliveryTimeoutMs = 10_000, allowInsecureHttp = false } = options;
  const { forMs = ninetyDaysMs, events = 20_000, deliveries = 10_000 } = retention;
  for (const [name, value] of Object.entries({ forMs, events, deliveries })) check(`retention.${name}`, value);
  check("deliveryTimeoutMs", deliveryTimeoutMs);
  return {
    adminKeys: options.adminKeys,
    transport: options.transport ?? defaultTransport(),
    retention: { forMs, events, deliveries },
    deliveryTimeoutMs,
    allowInsecureHttp,
  };
}

function check(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new ConfigurationError(`governance.${name} must be a whole number above zero.`);
}

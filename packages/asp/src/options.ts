import {
  type ApiKeySource,
  type Clock,
  ConfigurationError,
  type Transport,
  defaultTransport,
  systemClock,
} from "@imprest/core";
import {
  type ResolvedApiKey,
  isBrowser,
  normaliseBaseUrl,
  parseWire,
  refuseBrowserCredentials,
  refuseUnknownOptions,
  resolveApiKey,
  wholeOption,
} from "@imprest/core/internal";
import {
  type AspMethod,
  type AuthorityMetadata,
  aspMethods,
  aspServicePath,
  authorityMetadata,
} from "@imprest/core/models/asp";
import type { PromisedEvent } from "./promised-event.ts";

/** How an `AspClient` reaches its authority. */
export interface AspClientOptions {
  /** Where the service is mounted: `https://authority.example.com`, or with a path. */
  readonly baseUrl: string;
  /** Sent as `Authorization: Bearer …`; absent for an authority that asks for none, such as a sidecar. */
  readonly apiKey?: ApiKeySource | undefined;
  /** `package.Service`; the draft names none, so `asp.v1.AgentSpendProtocol` when absent. */
  readonly servicePath?: string | undefined;
  /** Path of a method below `baseUrl`, for an authority that does not follow Connect's `/service/method`. */
  readonly routes?: Readonly<Partial<Record<AspMethod, string>>> | undefined;
  /** What is known of the authority beforehand; the metadata document is then never fetched. */
  readonly metadata?: AuthorityMetadata | undefined;
  /** Verbs whose shape the draft leaves out. */
  readonly experimental?: { readonly refund?: boolean | undefined } | undefined;
  /** Told of every event whose signature an answer carried; keep them to find out later which never came.
   * What it throws is dropped: the answer stands. */
  readonly onPromisedEvent?: ((promised: PromisedEvent) => void) | undefined;
  /** Deadline of one call, in milliseconds; 5000 when absent. */
  readonly timeoutMs?: number | undefined;
  /** The most attempts of a read; 3 when absent. Verbs that write are sent once: the kernel repeats them. */
  readonly readAttempts?: number | undefined;
  /** A larger answer is refused; 1 MiB when absent. */
  readonly maxResponseBytes?: number | undefined;
  /** Allows `http:` to a host that is not this machine: the API key then travels in the clear. */
  readonly allowInsecureHttp?: boolean | undefined;
  /** Allows an API key in a browser, where every visitor can read it. */
  readonly allowBrowserCredentials?: boolean | undefined;
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
}

/** The options as checked, with every default filled in; frozen. Printing it shows no credential. */
export interface ResolvedOptions {
  readonly baseUrl: string;
  readonly apiKey: ResolvedApiKey | undefined;
  readonly routes: Readonly<Record<AspMethod, string>>;
  readonly metadata: AuthorityMetadata | undefined;
  readonly allowsRefund: boolean;
  /** Is given each event that an answer promised: keep them, and an auditor can tell what was removed. */
  readonly onPromisedEvent: ((promised: PromisedEvent) => void) | undefined;
  readonly timeoutMs: number;
  readonly readAttempts: number;
  readonly maxResponseBytes: number;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly isBrowser: boolean;
}

const known: ReadonlySet<string> = new Set<keyof AspClientOptions>([
  "baseUrl",
  "apiKey",
  "servicePath",
  "routes",
  "metadata",
  "experimental",
  "onPromisedEvent",
  "timeoutMs",
  "readAttempts",
  "maxResponseBytes",
  "allowInsecureHttp",
  "allowBrowserCredentials",
  "transport",
  "clock",
]);

/** @throws ConfigurationError naming the option that cannot be used. */
export function resolveOptions(options: AspClientOptions): ResolvedOptions {
  refuseUnknownOptions(options, known);
  const { apiKey, servicePath = aspServicePath, routes = {}, metadata } = options;
  if (apiKey !== undefined) refuseBrowserCredentials(options.allowBrowserCredentials === true);
  return Object.freeze({
    baseUrl: normaliseBaseUrl(options.baseUrl, options.allowInsecureHttp === true),
    apiKey: apiKey === undefined ? undefined : resolveApiKey(apiKey),
    routes: readRoutes(servicePath, routes),
    metadata: metadata === undefined ? undefined : readMetadata(metadata),
    allowsRefund: options.experimental?.refund === true,
    onPromisedEvent: options.onPromisedEvent,
    timeoutMs: wholeOption("timeoutMs", options.timeoutMs, 5_000, 600_000),
    readAttempts: wholeOption("readAttempts", options.readAttempts, 3, 10),
    maxResponseBytes: wholeOption("maxResponseBytes", options.maxResponseBytes, 1024 * 1024, 2 ** 31),
    transport: options.transport ?? defaultTransport(),
    clock: options.clock ?? systemClock,
    isBrowser: isBrowser(),
  });
}

function readRoutes(servicePath: string, routes: Readonly<Record<string, string>>): ResolvedOptions["routes"] {
  if (!/^[A-Za-z_][\w.]*$/.test(servicePath)) {
    throw new ConfigurationError('servicePath is not a service name such as "asp.v1.AgentSpendProtocol".');
  }
  const stranger = Object.keys(routes).find((method) => !aspMethods.some((name) => name === method));
  if (stranger !== undefined) throw new ConfigurationError(`routes names ${stranger}, which is no method of ASP.`);
  const unfit = Object.values(routes).find((path) => !/^\/[\w\-./~%]*$/.test(path) || path.includes(".."));
  if (unfit !== undefined) throw new ConfigurationError('routes holds a path that is not one such as "/v1/reserve".');
  const entries = aspMethods.map((method) => [method, routes[method] ?? `/${servicePath}/${method}`]);
  return Object.freeze(Object.fromEntries(entries) as Record<AspMethod, string>);
}

function readMetadata(metadata: AuthorityMetadata): AuthorityMetadata {
  try {
    return Object.freeze(parseWire(authorityMetadata, metadata, "ASP authority metadata"));
  } catch (error) {
    throw new ConfigurationError(error instanceof Error ? error.message : "metadata");
  }
}

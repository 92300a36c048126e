import {
  type ApiKeySource,
  type Clock,
  ConfigurationError,
  type Logger,
  type Transport,
  defaultTransport,
  systemClock,
} from "@imprest/core";
import {
  type ResolvedApiKey,
  Secret,
  type WireReader,
  isBrowser,
  normaliseBaseUrl,
  parseWire,
  refuseBrowserCredentials,
  refuseUnknownOptions,
  resolveApiKey,
  wholeOption,
} from "@imprest/core/internal";
import { type Subject, requestSubject, subjectLevels } from "@imprest/core/models/cycles";

/** How a `CyclesClient` reaches its authority. */
export interface CyclesClientOptions {
  /** Where the authority is, without the `/v1`: `https://cycles.example.com`. */
  readonly baseUrl: string;
  readonly apiKey: ApiKeySource;
  /**
   * Who spends when a request does not say. `tenant` also names the principal whose unfinished settlements are kept in
   * a record store: set it when several principals share one.
   */
  readonly subject?: Subject | undefined;
  /** Deadline of one call, in milliseconds; 5000 when absent. Leases shorter than three of it cannot be kept alive. */
  readonly timeoutMs?: number | undefined;
  /** The most attempts of a read; 3 when absent. Writes are sent once: the kernel repeats them. */
  readonly readAttempts?: number | undefined;
  /** A larger answer is refused; 8 MiB when absent. */
  readonly maxResponseBytes?: number | undefined;
  /** Allows `http:` to a host that is not this machine: the API key then travels in the clear. */
  readonly allowInsecureHttp?: boolean | undefined;
  /** Allows use in a browser, where every visitor can read the API key. */
  readonly allowBrowserCredentials?: boolean | undefined;
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
  /** Logs once that the authority calls an action kind deprecated (v0.1.26). */
  readonly logger?: Logger | undefined;
}

/** The options as checked, with every default filled in; frozen. Printing it shows no credential. */
export interface ResolvedOptions {
  readonly baseUrl: string;
  readonly apiKey: ResolvedApiKey;
  readonly subject: Subject | undefined;
  readonly timeoutMs: number;
  readonly readAttempts: number;
  readonly maxResponseBytes: number;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly isBrowser: boolean;
}

const known: ReadonlySet<string> = new Set<keyof CyclesClientOptions>([
  "baseUrl",
  "apiKey",
  "subject",
  "timeoutMs",
  "readAttempts",
  "maxResponseBytes",
  "allowInsecureHttp",
  "allowBrowserCredentials",
  "transport",
  "clock",
  "logger",
]);

/** @throws ConfigurationError naming the option that cannot be used. */
export function resolveOptions(options: CyclesClientOptions): ResolvedOptions {
  refuseUnknownOptions(options, known);
  refuseBrowserCredentials(options.allowBrowserCredentials === true);
  return Object.freeze({
    baseUrl: normaliseBaseUrl(options.baseUrl, options.allowInsecureHttp === true),
    apiKey: resolveApiKey(options.apiKey),
    subject: options.subject === undefined ? undefined : Object.freeze(readSubject(options.subject)),
    timeoutMs: wholeOption("timeoutMs", options.timeoutMs, 5_000, 600_000),
    readAttempts: wholeOption("readAttempts", options.readAttempts, 3, 10),
    maxResponseBytes: wholeOption("maxResponseBytes", options.maxResponseBytes, 8 * 1024 * 1024, 2 ** 31),
    transport: options.transport ?? defaultTransport(),
    clock: options.clock ?? systemClock,
    logger: options.logger,
    isBrowser: isBrowser(),
  });
}

/** Where the variables come from: `process.env`, or an object like it (the bindings of a Worker). */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/**
 * Options out of the environment: `CYCLES_BASE_URL` and `CYCLES_API_KEY`, and optionally `CYCLES_TENANT`,
 * `CYCLES_WORKSPACE`, `CYCLES_APP`, `CYCLES_WORKFLOW`, `CYCLES_AGENT`, `CYCLES_TOOLSET`, `CYCLES_TIMEOUT_MS`,
 * `CYCLES_READ_ATTEMPTS`, `CYCLES_ALLOW_INSECURE_HTTP` (`true` or `false`). A blank variable counts as absent.
 * @param overrides win over the environment.
 * @param variables where no `process.env` exists.
 * @throws ConfigurationError naming the variable that is missing or cannot be used.
 */
export function fromEnv(
  overrides: Partial<CyclesClientOptions> = {},
  variables: EnvironmentVariables = processVariables(),
): CyclesClientOptions {
  const read = (name: string): string | undefined => variables[name]?.trim() || undefined;
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  const options: CyclesClientOptions = {
    baseUrl: overrides.baseUrl ?? required("CYCLES_BASE_URL", read),
    // Held, so that printing the options does not print the key.
    apiKey: overrides.apiKey ?? new Secret(required("CYCLES_API_KEY", read)),
    subject: subjectFrom(read),
    timeoutMs: wholeFrom("CYCLES_TIMEOUT_MS", read),
    readAttempts: wholeFrom("CYCLES_READ_ATTEMPTS", read),
    allowInsecureHttp: flagFrom("CYCLES_ALLOW_INSECURE_HTTP", read),
    ...given,
  };
  inVariable("CYCLES_BASE_URL", overrides.baseUrl, () =>
    normaliseBaseUrl(options.baseUrl, options.allowInsecureHttp === true),
  );
  inVariable("CYCLES_API_KEY", overrides.apiKey, () => resolveApiKey(options.apiKey));
  inVariable("CYCLES_TIMEOUT_MS", overrides.timeoutMs, () => wholeOption("timeoutMs", options.timeoutMs, 1, 600_000));
  inVariable("CYCLES_READ_ATTEMPTS", overrides.readAttempts, () =>
    wholeOption("readAttempts", options.readAttempts, 1, 10),
  );
  return Object.freeze(options);
}

/** Names the variable in the message when the value came from one. */
function inVariable(name: string, override: unknown, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (override !== undefined || !ConfigurationError.isInstance(error)) throw error;
    throw new ConfigurationError(`${name}: ${error.message}`);
  }
}

function processVariables(): EnvironmentVariables {
  const host = globalThis as { readonly process?: { readonly env?: EnvironmentVariables } };
  return host.process?.env ?? {};
}

type Read = (name: string) => string | undefined;

function required(name: string, read: Read): string {
  const value = read(name);
  if (value === undefined) throw new ConfigurationError(`${name} is not set; set it, or pass the option.`);
  return value;
}

function wholeFrom(name: string, read: Read): number | undefined {
  const value = read(name);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw new ConfigurationError(`${name} is not a whole number.`);
  return Number(value);
}

function flagFrom(name: string, read: Read): boolean | undefined {
  const value = read(name);
  if (value === undefined) return undefined;
  if (value !== "true" && value !== "false") throw new ConfigurationError(`${name} is neither "true" nor "false".`);
  return value === "true";
}

function subjectFrom(read: Read): Subject | undefined {
  const subject: Record<string, string> = {};
  for (const level of subjectLevels) {
    const name = `CYCLES_${level.toUpperCase()}`;
    const value = read(name);
    if (value === undefined) continue;
    readSubject({ [level]: value }, name);
    subject[level] = value;
  }
  return Object.keys(subject).length === 0 ? undefined : subject;
}

function readSubject(subject: Subject, name = "subject"): Subject {
  return configured(requestSubject, subject, name);
}

/** A checked copy. @throws ConfigurationError instead of a `ValidationError`: it is the configuration that is wrong. */
export function configured<Value>(schema: WireReader<Value>, value: unknown, name: string): Value {
  try {
    return parseWire(schema, value, name);
  } catch (error) {
    throw new ConfigurationError(error instanceof Error ? error.message : name);
  }
}

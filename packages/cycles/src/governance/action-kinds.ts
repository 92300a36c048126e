import {
  type CallOptions,
  type Clock,
  type HttpRequest,
  type HttpResponse,
  ResponseFormatError,
  type Transport,
  ValidationError,
  defaultTransport,
  systemClock,
} from "@imprest/core";
import {
  type WireReader,
  issuesOf,
  normaliseBaseUrl,
  outgoingTraceparent,
  parseJson,
  refuseUnknownOptions,
  sendRead,
  wholeOption,
} from "@imprest/core/internal";
import {
  type ActionKind,
  type ActionKindRegistryPage,
  actionKind,
  actionKindRegistryPage,
} from "@imprest/core/models/cycles/governance";
import { NotFoundError, errorFromResponse } from "../errors.ts";
import { withQuery } from "../query.ts";

/** How an `ActionKindRegistry` is read. The registry is public: no key is sent. */
export interface ActionKindRegistryOptions {
  readonly baseUrl: string;
  /** How long a list is used before the server is asked whether it has changed; 1 hour, as the specification advises. */
  readonly maxAgeMs?: number | undefined;
  /** Deadline of one call, in milliseconds; 5000 when absent. */
  readonly timeoutMs?: number | undefined;
  /** The most attempts of one request, waiting as long as a 429 asks; 3 when absent. */
  readonly readAttempts?: number | undefined;
  readonly allowInsecureHttp?: boolean | undefined;
  readonly transport?: Transport | undefined;
  readonly clock?: Clock | undefined;
}

const optionNames: ReadonlySet<string> = new Set<keyof ActionKindRegistryOptions>([
  "baseUrl",
  "maxAgeMs",
  "timeoutMs",
  "readAttempts",
  "allowInsecureHttp",
  "transport",
  "clock",
]);

/** A page as it was last read, and the tag that says so. */
interface CachedPage {
  readonly page: ActionKindRegistryPage;
  readonly etag: string | undefined;
}

/** More pages than a registry has; a server that goes on is broken. */
const mostPages = 100;

/**
 * The registry of action kinds (Cycles action kinds v0.1.26): read once, kept for an hour, and then only asked whether
 * it has changed (`ETag`, 304).
 */
export class ActionKindRegistry {
  readonly #baseUrl: string;
  readonly #maxAgeMs: number;
  readonly #timeoutMs: number;
  readonly #attempts: number;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #pages = new Map<string, CachedPage>();
  #kinds: { readonly list: readonly ActionKind[]; readonly readAt: number } | undefined;

  /** @throws ConfigurationError naming the option that cannot be used. */
  constructor(options: ActionKindRegistryOptions) {
    refuseUnknownOptions(options, optionNames);
    this.#baseUrl = normaliseBaseUrl(options.baseUrl, options.allowInsecureHttp === true);
    this.#maxAgeMs = wholeOption("maxAgeMs", options.maxAgeMs, 3_600_000, 2 ** 31);
    this.#timeoutMs = wholeOption("timeoutMs", options.timeoutMs, 5_000, 600_000);
    this.#attempts = wholeOption("readAttempts", options.readAttempts, 3, 10);
    this.#transport = options.transport ?? defaultTransport();
    this.#clock = options.clock ?? systemClock;
  }

  /** Every kind, deprecated ones included. @throws CyclesError, TransportError. */
  async list(options: CallOptions = {}): Promise<readonly ActionKind[]> {
    const known = this.#kinds;
    if (known !== undefined && this.#clock.monotonic() - known.readAt < this.#maxAgeMs) return known.list;
    const list: ActionKind[] = [];
    const pages = new Set<string>();
    let cursor: string | undefined;
    do {
      const path = withQuery("/v1/action-kinds", { deprecated: true, limit: 100 }, cursor);
      if (pages.has(path) || pages.size >= mostPages) {
        throw new ResponseFormatError("The registry gave the same cursor twice, or no end of pages.");
      }
      pages.add(path);
      const page = await this.#page(path, options);
      list.push(...page.kinds);
      cursor = page.has_more === false ? undefined : page.next_cursor || undefined;
    } while (cursor !== undefined);
    for (const path of this.#pages.keys()) if (!pages.has(path)) this.#pages.delete(path);
    this.#kinds = { list: Object.freeze(list), readAt: this.#clock.monotonic() };
    return this.#kinds.list;
  }

  /** One kind by its exact name, as the server has it now; `undefined` when it has none. @throws as `list`. */
  async get(kind: string, options: CallOptions = {}): Promise<ActionKind | undefined> {
    if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/.test(kind)) {
      const message = "must be a kind such as llm.completion, 1 to 64 characters";
      throw new ValidationError("action kind", [{ pointer: "/kind", message }]);
    }
    const response = await this.#ask(`/v1/action-kinds/${encodeURIComponent(kind)}`, undefined, options);
    if (response.status === 200) return read("getActionKind", actionKind, response);
    const error = errorFromResponse("getActionKind", response);
    if (NotFoundError.isInstance(error)) return undefined;
    throw error;
  }

  /**
   * The kind that an MCP tool's name stands for: the one with the longest prefix that the name begins with (Cycles
   * action kinds §mcp_tool_prefixes), its replacement where it is deprecated.
   * @returns `undefined` when no prefix fits; the specification then has `unknown.call`.
   */
  async kindOfTool(toolName: string, options?: CallOptions): Promise<ActionKind | undefined> {
    const list = await this.list(options);
    let found: ActionKind | undefined;
    let longest = 0;
    for (const kind of list) {
      for (const prefix of kind.mcp_tool_prefixes ?? []) {
        if (prefix.length <= longest || !toolName.startsWith(prefix)) continue;
        found = kind;
        longest = prefix.length;
      }
    }
    const replacement = found?.deprecated === true ? found.replacement_kind : undefined;
    return list.find(({ kind }) => kind === replacement) ?? found;
  }

  async #page(path: string, options: CallOptions): Promise<ActionKindRegistryPage> {
    const cached = this.#pages.get(path);
    const response = await this.#ask(path, cached?.etag, options);
    if (response.status === 304 && cached !== undefined) return cached.page;
    if (response.status !== 200) throw errorFromResponse("listActionKinds", response);
    const page = read("listActionKinds", actionKindRegistryPage, response);
    this.#pages.set(path, { page, etag: response.headers["etag"] });
    return page;
  }

  #ask(path: string, etag: string | undefined, options: CallOptions): Promise<HttpResponse> {
    const { signal, timeoutMs = this.#timeoutMs, traceparent } = options;
    const headers = {
      accept: "application/json",
      traceparent: outgoingTraceparent(traceparent),
      ...(etag !== undefined && { "if-none-match": etag }),
    };
    const request: HttpRequest = { method: "GET", url: `${this.#baseUrl}${path}`, headers };
    return sendRead(this.#transport, request, { signal, timeoutMs, clock: this.#clock, attempts: this.#attempts });
  }
}

function read<Value>(name: string, shape: WireReader<Value>, { status, body }: HttpResponse): Value {
  let json: unknown;
  try {
    json = parseJson(body);
  } catch (cause) {
    throw new ResponseFormatError(`${name}: the answer is not JSON.`, { status, cause });
  }
  const result = shape.safeParse(json);
  if (result.success) return result.data;
  const issues = issuesOf(result.error).slice(0, 3);
  const listed = issues.map(({ pointer, message }) => `${pointer} ${message}`).join("; ");
  throw new ResponseFormatError(`${name}: the answer is not what the protocol allows: ${listed}.`, { status });
}

import { type Logger } from "@imprest/core";
import { type Shape, hex, parseWire, shortened, utf8, writeWire } from "@imprest/core/internal";
import { type JsonValue, StrictJsonError, canonicalize, parseStrictJson } from "@imprest/core/audit";
import {
  type AspMethod,
  type CommitRequest,
  aspCursorHeader,
  aspFeedPath,
  aspJwksPath,
  aspMetadataPath,
  aspServicePath,
  commitRequest,
  commitResponse,
  queryBudgetRequest,
  queryBudgetResponse,
  releaseRequest,
  releaseResponse,
  reserveRequest,
  reserveResponse,
} from "@imprest/core/models/asp";
import { sha256 } from "@noble/hashes/sha2.js";
import type { ApiKeys } from "../access/api-keys.ts";
import type { RequestHead, WireRequest, WireResponse } from "../http/wire.ts";
import type { AspBooks } from "./books.ts";
import { commit } from "./commit.ts";
import { queryBudget } from "./query-budget.ts";
import { AspRefusal, UnsupportedBody, refusalOf, writeRefusal } from "./refusal.ts";
import { release } from "./release.ts";
import { reserve } from "./reserve.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface AspWireParts {
  readonly books: AspBooks;
  readonly keys: SigningKeys;
  readonly apiKeys: ApiKeys;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
}

const documents: ReadonlySet<string> = new Set([aspFeedPath, aspJwksPath, aspMetadataPath]);

type Method = (tenant: string, body: unknown) => unknown;

/** A verb: how its request is read, what it does, how its answer is written. */
function verb<Request, Answer>(
  books: AspBooks,
  request: Shape<Request>,
  answer: Shape<Answer>,
  perform: (books: AspBooks, tenant: string, request: Request) => Answer | Promise<Answer>,
): Method {
  return async (tenant, body) => {
    const read = parseWire(request, body, "ASP message");
    return writeWire(answer, await perform(books, tenant, read), "ASP message");
  };
}

const json = { "Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };

/** ASP over HTTP: unary Connect JSON, the two well-known documents, and the feed of events. */
export class AspWire {
  readonly #parts: AspWireParts;
  readonly #verbs: ReadonlyMap<string, Method>;

  constructor(parts: AspWireParts) {
    this.#parts = parts;
    const { books } = parts;
    this.#verbs = new Map<AspMethod, Method>([
      ["Reserve", verb(books, reserveRequest, reserveResponse, reserve)],
      [
        "Commit",
        verb(books, commitRequest, commitResponse, (to, tenant, request) => commit(to, tenant, checkBodyHash(request))),
      ],
      ["Release", verb(books, releaseRequest, releaseResponse, release)],
      ["QueryBudget", verb(books, queryBudgetRequest, queryBudgetResponse, queryBudget)],
    ]);
  }

  /** Whether a path is one of ASP's. */
  answers(target: string): boolean {
    const path = pathOf(target);
    return path.startsWith(`/${aspServicePath}/`) || documents.has(path);
  }

  /** Whether a known key comes with the request. */
  knowsCaller(request: RequestHead): boolean {
    try {
      return this.#tenantOf(request) !== undefined;
    } catch {
      return false;
    }
  }

  /** Answers one request; never rejects. Nothing is acknowledged before it is signed and durable. */
  async answer(request: WireRequest): Promise<WireResponse> {
    try {
      return await this.#perform(request);
    } catch (error) {
      const refusal = refusalOf(await this.#afterDurable(error));
      if (refusal.connectCode === "internal") {
        const cause = refusal.cause instanceof Error ? refusal.cause.message : "unknown";
        this.#parts.logger.error("an ASP request failed", { error: cause });
      }
      const { status, headers, body } = writeRefusal(refusal);
      return { status, headers: { ...json, ...headers }, body };
    }
  }

  async #perform(request: WireRequest): Promise<WireResponse> {
    const path = pathOf(request.target);
    const { books, keys } = this.#parts;
    if (path === aspJwksPath) return document(request, await keys.jwks());
    if (path === aspMetadataPath) return document(request, this.#metadata());
    const tenant = this.#authenticate(request);
    if (path === aspFeedPath) {
      requireMethod(request, "GET");
      const { cursor, limit } = feedQuery(request.target);
      const page = await books.log.read(tenant, cursor, limit);
      const headers = { ...json, "Content-Type": "application/x-ndjson", [aspCursorHeader]: String(page.cursor) };
      return { status: 200, headers, body: page.lines.map((line) => `${line}\n`).join("") };
    }
    requireMethod(request, "POST");
    const name = path.slice(aspServicePath.length + 2);
    const method = this.#verbs.get(name);
    if (method === undefined) throw new AspRefusal("unimplemented", `This authority has no method ${shortened(name)}.`);
    const body = JSON.stringify(await method(tenant, this.#read(request)));
    await books.ledger.durable();
    return { status: 200, headers: json, body };
  }

  /** A refusal may rest on an event, which must be durable too. */
  async #afterDurable(error: unknown): Promise<unknown> {
    try {
      await this.#parts.books.ledger.durable();
      return error;
    } catch (failure) {
      return failure;
    }
  }

  #authenticate(request: WireRequest): string {
    const tenant = this.#tenantOf(request);
    if (tenant === undefined) throw new AspRefusal("unauthenticated", "Send a known API key as Authorization: Bearer.");
    return tenant;
  }

  #tenantOf(request: RequestHead): string | undefined {
    const [, key] = /^Bearer ([\x21-\x7e]+)$/i.exec(request.header("authorization") ?? "") ?? [];
    const holder = key === undefined ? undefined : this.#parts.apiKeys.holderOf(key);
    if (holder?.scopeFilter === undefined) return holder?.tenant;
    throw new AspRefusal("permission_denied", "A key with a scope filter speaks the Cycles wire alone.");
  }

  #read(request: WireRequest): unknown {
    const { maxBodyBytes } = this.#parts;
    const type = request.header("content-type") ?? "";
    if (!/^application\/json(;|$)/i.test(type)) throw new UnsupportedBody(shortened(type === "" ? "nothing" : type));
    const encoding = request.header("content-encoding") ?? "identity";
    if (encoding !== "identity") {
      // Connect "Unary-Request": a compression that is not supported is unimplemented, and those that are get named.
      throw new AspRefusal("unimplemented", "Send the body uncompressed: only identity is understood.");
    }
    if (request.body.length > maxBodyBytes) {
      throw new AspRefusal("resource_exhausted", `The body is longer than ${maxBodyBytes} bytes.`);
    }
    try {
      // What cannot be signed must not be done: half a surrogate pair would leave an event that no key can sign, and
      // the tenant's feed would end before it. Of an amount given twice, neither counts.
      return parseStrictJson(request.body, { numbers: "double", maxDepth: deepest, maxBytes: maxBodyBytes });
    } catch (error) {
      if (!StrictJsonError.isInstance(error)) throw error;
      throw new AspRefusal("invalid_argument", `The body is not JSON that can be signed: ${error.message}`);
    }
  }

  #metadata(): object {
    const { options } = this.#parts.books;
    return {
      issuer: options.issuer,
      grace_window_ms: options.graceWindowMs,
      default_ttl_ms: options.ttlMs,
      commit_overage_policy: options.defaultOveragePolicy,
      lifecycle_profile: "grace-split",
      signing_profile: "asp-jcs-v1",
      service_path: aspServicePath,
      jwks_url: `${options.issuer}${aspJwksPath}`,
      events_url: `${options.issuer}${aspFeedPath}`,
      // What the ledger's policy can impose.
      cap_types: ["max_tokens", "max_steps_remaining", "tool_allowlist", "tool_denylist", "cooldown_ms"],
    };
  }
}

function document(request: WireRequest, body: object): WireResponse {
  requireMethod(request, "GET");
  return { status: 200, headers: { ...json, "Cache-Control": "public, max-age=300" }, body: JSON.stringify(body) };
}

function requireMethod({ method }: WireRequest, wanted: string): void {
  if (method !== wanted && !(wanted === "GET" && method === "HEAD")) {
    throw new AspRefusal("unimplemented", `Use ${wanted} here.`);
  }
}

function pathOf(target: string): string {
  const question = target.indexOf("?");
  return question === -1 ? target : target.slice(0, question);
}

const longestPage = 1_000;

/** A Struct of 64 levels, which is what our client sends at most, within its message. */
const deepest = 70;

function feedQuery(target: string): { readonly cursor: number; readonly limit: number } {
  const query = new URLSearchParams(target.slice(pathOf(target).length));
  const [cursor, limit] = [query.get("cursor") ?? "0", query.get("limit") ?? String(longestPage)];
  if (!/^\d{1,15}$/.test(cursor) || !/^\d{1,4}$/.test(limit) || limit === "0") {
    throw new AspRefusal("invalid_argument", "cursor and limit are whole numbers; limit is 1 to 1000.");
  }
  return { cursor: Number(cursor), limit: Math.min(Number(limit), longestPage) };
}

/** Recommended and optional (ASP §4); a hash that is there must be the request's. @throws AspRefusal. */
function checkBodyHash(request: CommitRequest): CommitRequest {
  const { requestBodyHash, ...rest } = request;
  if (requestBodyHash === undefined) return request;
  const canonical = canonicalize(writeWire(commitRequest, rest, "ASP message") as JsonValue);
  if (hex(sha256(utf8(canonical))) === hex(requestBodyHash)) return request;
  throw new AspRefusal("invalid_argument", "request_body_hash is not SHA-256 over the JCS form of this request.");
}

import { ConnectionError, DeniedError, ProtocolError } from "@imprest/core";
import { denialOf, denialResponse, guardFetch, notBilled } from "@imprest/llm";
import { fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { openBooks, prices } from "./books.ts";
import { json, post, provider } from "./provider.ts";

const chat = "https://api.openai.com/v1/chat/completions";
const messages = "https://api.anthropic.com/v1/messages";
const gemini = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent";
const request = { model: "gpt-4o", max_tokens: 50, messages: [{ role: "user", content: "Hi" }] };
const claude = { ...request, model: "claude-3-haiku" };

interface Body {
  readonly error?: unknown;
}

async function refusedBy(
  url: string,
  init: RequestInit,
  dollars = 10,
): Promise<{ response: Response; body: Body; reached: number }> {
  const { authority } = await openBooks(dollars);
  const { fetch, reached } = provider(() => json({}));
  const response = await guardFetch(authority, { prices, fetch })(url, init);
  return { response, body: (await response.clone().json()) as Body, reached: reached.length };
}

describe("a denial is an answer that no SDK repeats", () => {
  it.each([
    ["OpenAI's", chat, request, { error: { type: "budget_denied", code: "BUDGET_EXCEEDED", param: null } }],
    ["Anthropic's", messages, claude, { type: "error", error: { type: "budget_denied", reason: "BUDGET_EXCEEDED" } }],
    ["Google's", gemini, { contents: [] }, { error: { code: 402, status: "FAILED_PRECONDITION" } }],
  ])("in %s own error form", async (_whose, url, body, form) => {
    const { response, body: answered, reached } = await refusedBy(url, post(body));
    expect(response.status).toBe(402);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(answered).toMatchObject(form);
    expect(reached).toBe(0);
    expect(denialOf(answered)).toMatchObject({ reasonCode: "BUDGET_EXCEEDED", decision: "DENY", isHeld: false });
  });

  it.each([
    ["the error itself", (denial: DeniedError) => denial],
    ["its causes", (denial: DeniedError) => new Error("outer", { cause: new Error("inner", { cause: denial }) })],
    [
      "the last attempt's error",
      (denial: DeniedError) => Object.assign(new Error("Failed after 3 attempts."), { errors: [denial] }),
    ],
  ])("is found in %s", (_where, wrap) => {
    const denial = new DeniedError("no", { reasonCode: "BUDGET_EXCEEDED" });
    expect(denialOf(wrap(denial))).toBe(denial);
  });

  it.each([
    ["the parsed error object", (body: Body) => Object.assign(new Error("402"), { status: 402, error: body.error })],
    ["a body as text", (body: Body) => Object.assign(new Error("402"), { responseBody: JSON.stringify(body) })],
    ["a message that is the body", (body: Body) => new Error(JSON.stringify(body))],
    ["a message that quotes the body", (body: Body) => new Error(JSON.stringify({ message: JSON.stringify(body) }))],
  ])("is found in %s, with what the authority said", async (_where, thrown) => {
    const caps = [{ name: "max_tokens", value: 5n }];
    const denial = new DeniedError("ninety – not enough", {
      reasonCode: "X",
      caps,
      retryAfterMs: 1_500,
      requestId: "r",
      isHeld: true,
    });
    const response = denialResponse(denial, { form: "google" });
    expect(response?.headers.get("retry-after")).toBe("2");
    const found = denialOf(thrown((await response?.json()) as Body));
    expect(found).toBeInstanceOf(DeniedError);
    expect({ ...found?.toJSON() }).toEqual({ ...denial.toJSON() });
    expect(found?.message).toBe("ninety – not enough");
  });

  it("is not found where there is none, whatever is thrown", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const hostile = Object.defineProperty({}, "error", {
      enumerable: true,
      get: () => {
        throw new Error("no");
      },
    });
    const wide = { many: Array.from({ length: 10_000 }, (_, at) => ({ at })) };
    for (const thrown of [
      undefined,
      null,
      3,
      "text",
      circle,
      hostile,
      wide,
      new Error("imprest-denied.!"),
      "imprest-denied.e30x",
    ]) {
      expect(denialOf(thrown)).toBeUndefined();
      expect(denialResponse(thrown)).toBeUndefined();
    }
  });
});

describe("the guard's own refusal comes in one attempt, and nothing is sent", () => {
  it.each<[string, string, RequestInit, string, RegExp]>([
    ["a model without a price", chat, post({ ...request, model: "gpt-9" }), "UNPRICED_MODEL", /"gpt-9" has no price/],
    ["a body without a model", chat, post({ messages: [] }), "UNPRICED_MODEL", /names no model/],
    ["a body that is no JSON", chat, post("{"), "UNREADABLE_REQUEST", /neither a JSON object nor a form/],
    ["no body at all", chat, { method: "POST" }, "UNREADABLE_REQUEST", /neither/],
    [
      "a request without a bound",
      chat,
      post({ ...request, max_tokens: undefined }),
      "UNBOUNDED_REQUEST",
      /limit of the answer/,
    ],
    ["a path that is not known", "https://api.openai.com/v1/fine_tuning/jobs", post({}), "UNPRICED_ROUTE", /isFree/],
    ...[
      "https://api.openai.com/v1/vector_stores",
      "https://api.openai.com/v1/vector_stores/vs_1/files",
      "https://api.openai.com/v1/vector_stores/vs_1/file_batches",
      "https://api.openai.com/v1/batches",
      "https://api.openai.com/v1/containers",
      "https://api.openai.com/v1/audio/speech",
      "https://api.openai.com/v1/videos",
      "https://g.test/v1beta/fileSearchStores/s:uploadToFileSearchStore",
      "https://api.mistral.ai/v1/moderations",
      "https://api.mistral.ai/v1/chat/moderations",
    ].map((url): [string, string, RequestInit, string, RegExp] => [
      `what may be charged: ${url}`,
      url,
      post({}),
      "UNPRICED_ROUTE",
      /isFree/,
    ]),
    ["a chat that is answered later", chat, post({ ...request, deferred: true }), "NO_SETTLER", /settleLater/],
    [
      "a background response",
      "https://api.openai.com/v1/responses",
      post({ model: "gpt-4o", background: true }),
      "NO_SETTLER",
      /settleLater/,
    ],
    [
      "a batch",
      "https://api.anthropic.com/v1/messages/batches",
      post({ requests: [{ params: claude }] }),
      "NO_SETTLER",
      /settleLater/,
    ],
    [
      "a level of the subject that there is none of",
      chat,
      post(request, { headers: { "imprest-agnet": "a" } }),
      "UNKNOWN_SUBJECT",
      /imprest-agnet/,
    ],
  ])("%s", async (_what, url, init, reasonCode, message) => {
    const { response, body, reached } = await refusedBy(url, init);
    expect(response.status).toBe(400);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(reached).toBe(0);
    const denial = denialOf(body);
    expect(denial).toMatchObject({ decision: "REFUSED", reasonCode });
    expect(denial?.message).toMatch(message);
    expect(notBilled(denial)).toBe(true);
  });
});

describe("what is free passes untouched, and reserves nothing", () => {
  it.each([
    ["GET", "https://api.openai.com/v1/models"],
    ["GET", "https://api.openai.com/v1/responses/resp_1"],
    ["DELETE", "https://api.openai.com/v1/files/file-1"],
    ["POST", "https://api.openai.com/v1/files"],
    ["POST", "https://api.openai.com/v1/files/"],
    ["POST", "https://mine.openai.azure.com/openai/files"],
    ["POST", "https://g.test/upload/v1beta/files"],
    ["POST", "https://api.openai.com/v1/containers/cntr_1/files"],
    ["POST", "https://api.openai.com/v1/uploads"],
    ["POST", "https://api.openai.com/v1/uploads/upload_1/parts"],
    ["POST", "https://api.openai.com/v1/uploads/upload_1/complete"],
    ["POST", "https://api.openai.com/v1/moderations"],
    ["GET", "https://api.openai.com/v1/vector_stores/vs_1/files"],
    ["POST", "https://api.openai.com/v1/responses/resp_1/cancel"],
    ["POST", "https://api.anthropic.com/v1/messages/count_tokens"],
    ["POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:countTokens"],
    ["POST", "https://mine.example/health"],
  ])("%s %s", async (method, url) => {
    const { authority, events } = await openBooks();
    const { fetch, reached } = provider(() => json({ ok: true }));
    const isFree = ({ pathname }: URL): boolean => pathname === "/health";
    const headers = { "imprest-agent": "a", "x-own": "b" };
    const guarded = guardFetch(authority, { prices, fetch, isFree });
    const response = await guarded(url, { method, headers, ...(method === "POST" && { body: "{}" }) });
    expect(await response.json()).toEqual({ ok: true });
    expect(events.decision).toEqual([]);
    expect([...(reached[0]?.headers.keys() ?? [])].filter((name) => name.startsWith("imprest"))).toEqual([]);
    expect(reached[0]?.headers.get("x-own")).toBe("b");
  });
});

describe("an authority that gives no usable answer", () => {
  const failing = (error: Error) =>
    fakeAuthority({
      reserve: [
        () => {
          throw error;
        },
      ],
    });

  it("is thrown, so that an SDK tries again, and nothing is sent", async () => {
    const { fetch, reached } = provider(() => json({}));
    const guarded = guardFetch(failing(new ConnectionError("down")), { prices, fetch });
    await expect(guarded(chat, post(request))).rejects.toMatchObject({ code: "ERR_AUTHORITY_UNREACHABLE" });
    expect(reached).toEqual([]);
  });

  it("and that refuses the guard itself is no reason to try again", async () => {
    const { fetch, reached } = provider(() => json({}));
    const refusal = new ProtocolError("the key is unknown", {
      protocol: "fake",
      status: 401,
      errorCode: "UNAUTHORIZED",
    });
    const response = await guardFetch(failing(refusal), { prices, fetch })(chat, post(request));
    expect(response.status).toBe(400);
    expect(denialOf(await response.json())).toMatchObject({ reasonCode: "RESERVATION_REFUSED" });
    expect(reached).toEqual([]);
  });

  it("lets the call through where failOpen says so, and keeps what it spent as a dead letter", async () => {
    const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
    const { fetch, reached } = provider(() => json({ choices: [], usage }));
    const authority = failing(new ConnectionError("down"));
    const guarded = guardFetch(authority, { prices, fetch, failOpen: { reason: "a demonstration" } });
    await (await guarded(chat, post(request))).text();
    expect(reached).toHaveLength(1);
    expect(authority.named("bypass")).toHaveLength(1);
    expect(authority.named("settlement").map(({ settlement }) => settlement.status)).toEqual(["bypassed"]);
  });
});

import { inspect } from "node:util";
import { Secret } from "@imprest/core/internal";
import { describe, expect, it } from "vitest";
import { errorFromResponse, isFinal } from "../src/errors.ts";
import { type AspError, ExpiredBeyondGraceError, ReplayConflictError } from "../src/index.ts";

// google.rpc.ErrorInfo { reason: "REPLAY_CONFLICT" }
const value = Buffer.from(`\n\u000fREPLAY_CONFLICT`, "latin1").toString("base64").replace(/=+$/, "");

function error(status: number, body: unknown, headers: Record<string, string> = {}): AspError {
  return errorFromResponse("Commit", { status, headers, body: typeof body === "string" ? body : JSON.stringify(body) });
}

describe("codes are read from what programs write, never from a message", () => {
  it.each<[string, unknown, Record<string, string>]>([
    [
      "a detail's debug form",
      {
        code: "failed_precondition",
        details: [{ type: "google.rpc.ErrorInfo", debug: { reason: "REPLAY_CONFLICT" } }],
      },
      {},
    ],
    ["a detail's bytes", { code: "failed_precondition", details: [{ type: "google.rpc.ErrorInfo", value }] }, {}],
    ["the header", { code: "failed_precondition" }, { "asp-error-code": "REPLAY_CONFLICT" }],
    ["error_code", { error_code: "REPLAY_CONFLICT" }, {}],
    ["code", { code: "REPLAY_CONFLICT" }, {}],
  ])("%s", (_name, body, headers) => {
    const made = error(400, body, headers);
    expect(ReplayConflictError.isInstance(made)).toBe(true);
    expect(made).toMatchObject({ errorCode: "REPLAY_CONFLICT", spendHappened: true, retryable: false });
    expect(isFinal(made)).toBe(true);
  });

  it("a code in a message, or one that is no code, is none", () => {
    for (const body of [
      { code: "unknown", message: "EXPIRED_BEYOND_GRACE" },
      { error_code: "a b" },
      { code: 7 },
      "<html>",
      "null",
    ]) {
      const made = error(400, body);
      expect(ExpiredBeyondGraceError.isInstance(made)).toBe(false);
      expect(isFinal(made)).toBe(false);
    }
  });

  it.each([
    [400, "invalid_argument", true],
    [404, "not_found", true],
    [501, "unimplemented", true],
    [401, "unauthenticated", false],
    [403, "permission_denied", false],
    [429, "resource_exhausted", false],
    [503, "unavailable", false],
    [409, "aborted", false],
  ])("%i %s: final %s", (status, code, final) => {
    expect(isFinal(error(status, { code }))).toBe(final);
  });

  it("a code in a proxy's 503 decides nothing", () => {
    expect(isFinal(error(503, { code: "unavailable" }, { "asp-error-code": "RESERVATION_SETTLED" }))).toBe(false);
  });

  it("repeats no key, breaks no log", () => {
    const response = {
      status: 400,
      headers: {},
      body: JSON.stringify({ code: "internal", message: "key sk-1234567890 \n bad" }),
    };
    const made = errorFromResponse("Reserve", response, new Secret("sk-1234567890"));
    expect(made.message).not.toContain("sk-1234567890");
    expect(made.message).not.toContain("\n");
    expect(made.spendHappened).toBe(false);
  });
});

describe("the key that a request was sent with", () => {
  it.each<[string, (key: string) => string]>([
    ["as it is", (key) => key],
    ["with JSON escapes", (key) => key.replaceAll("/", "\\/").replaceAll("=", "\\u003d")],
    ["percent-encoded", encodeURIComponent],
  ])("no error shows a key that the authority repeats %s, in the body or in an id", (_how, write) => {
    const key = "SECRET/5678901234=";
    const said = write(key);
    const response = {
      status: 401,
      headers: { "x-request-id": `req ${key} ${encodeURIComponent(key)}` },
      body: `{"code":"unauthenticated","message":"bad ${said}","details":["${said}"]}`,
    };
    const made = errorFromResponse("Reserve", response, new Secret(key));
    for (const shown of [inspect(made, { depth: 20, showHidden: true }), JSON.stringify(made), String(made)]) {
      for (const writing of [key, encodeURIComponent(key), said]) expect(shown).not.toContain(writing);
    }
    expect(made.message).toContain("and said: bad [redacted].");
    expect(made.requestId).toBe("req [redacted] [redacted]");
    expect(made).toMatchObject({ errorCode: "unauthenticated", connectCode: "unauthenticated", status: 401 });
  });

  it.each<[string, object, Record<string, string>]>([
    ["error_code", { error_code: "SECRET_KEY_0123" }, {}],
    ["the header", {}, { "asp-error-code": "SECRET_KEY_0123" }],
    ["a detail's bytes", { details: [{ type: "google.rpc.ErrorInfo", value: btoa("\n\u000fSECRET_KEY_0123") }] }, {}],
  ])("no error shows a key that stands where a code should: %s", (_where, body, headers) => {
    const response = { status: 400, headers, body: JSON.stringify(body) };
    const made = errorFromResponse("Commit", response, new Secret("SECRET_KEY_0123"));
    expect(inspect(made, { depth: 20, showHidden: true })).not.toContain("SECRET");
    expect(made.errorCode).toBe("[redacted]");
  });
});

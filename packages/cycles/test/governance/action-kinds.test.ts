import { describe, expect, it } from "vitest";
import { CyclesClient, LimitExceededError, metadataOf } from "@imprest/cycles";
import { ActionKindRegistry } from "@imprest/cycles/governance";
import { ResponseFormatError, ValidationError } from "@imprest/core";
import { createManualClock } from "@imprest/testing";
import { serveStub } from "../support/msw-authority.ts";
import { allow, refusal } from "../support/stub-authority.ts";

const completion = {
  kind: "llm.completion",
  risk_class: "side_effect",
  policy_key_spec: { subject_fields: ["tenant"] },
  mcp_tool_prefixes: ["openai_", "openai_chat_"],
};
const search = { kind: "web.search", risk_class: "read_only", mcp_tool_prefixes: ["openai_chat_search"] };
const old = {
  kind: "mail.send",
  risk_class: "external_side_effect",
  mcp_tool_prefixes: ["mail_"],
  deprecated: true,
  replacement_kind: "email.send",
};
const email = { kind: "email.send", risk_class: "external_side_effect" };

describe("ActionKindRegistry", () => {
  it("reads every page once, without a credential, keeps it an hour, then asks only whether it changed", async () => {
    const { at, received } = serveStub(({ path, headers }) => {
      const isSecond = path.includes("cursor=p2");
      const etag = isSecond ? '"b"' : '"a"';
      if (headers["if-none-match"] === etag) return { status: 304 };
      const page = isSecond
        ? { kinds: [email], has_more: false }
        : { kinds: [completion, search, old], next_cursor: "p2", has_more: true };
      return { body: { version: "1.0.0", ...page }, headers: { etag } };
    });
    const clock = createManualClock();
    const registry = new ActionKindRegistry({ ...at, clock });
    expect((await registry.list()).map(({ kind }) => kind)).toEqual([
      "llm.completion",
      "web.search",
      "mail.send",
      "email.send",
    ]);
    await registry.list();
    expect(received).toHaveLength(2);
    await clock.advance(3_600_000);
    expect(await registry.list()).toHaveLength(4);
    expect(received.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, undefined, '"a"', '"b"']);
    expect(received.every(({ headers }) => !("x-cycles-api-key" in headers))).toBe(true);
    expect(received[0]?.path).toBe("/v1/action-kinds?deprecated=true&limit=100");
  });

  it("finds the kind of an MCP tool by the longest prefix, and the replacement of a deprecated one", async () => {
    const { at } = serveStub(() => ({ body: { version: "1", kinds: [completion, search, old, email] } }));
    const registry = new ActionKindRegistry({ ...at });
    expect(await registry.kindOfTool("openai_chat_completion")).toEqual(completion);
    expect((await registry.kindOfTool("openai_chat_search_news"))?.kind).toBe("web.search");
    expect((await registry.kindOfTool("mail_out"))?.kind).toBe("email.send");
    expect(await registry.kindOfTool("something_else")).toBeUndefined();
  });

  it("waits as long as a 429 asks, then reads; gives up with the typed error when it stays", async () => {
    const { at, received } = serveStub((_request, count) =>
      count === 2
        ? { body: { version: "1", kinds: [email] } }
        : { ...refusal(429, "LIMIT_EXCEEDED"), headers: { "retry-after": "1" } },
    );
    const started = performance.now();
    expect(await new ActionKindRegistry({ ...at }).list()).toHaveLength(1);
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
    expect(received).toHaveLength(2);
    const impatient = new ActionKindRegistry({ ...at, readAttempts: 1 });
    await expect(impatient.list()).rejects.toBeInstanceOf(LimitExceededError);
  });

  it("one kind: exact, absent when the server has none, never a path of its own", async () => {
    const { at, received } = serveStub(({ path }) =>
      path.endsWith("/email.send") ? { body: { ...email, later: 1 } } : refusal(404, "NOT_FOUND"),
    );
    const registry = new ActionKindRegistry({ ...at });
    expect(await registry.get("email.send")).toEqual({ ...email, later: 1 });
    expect(await registry.get("nobody.knows")).toBeUndefined();
    await expect(registry.get("../admin")).rejects.toBeInstanceOf(ValidationError);
    expect(received).toHaveLength(2);
  });

  it("malformed pages and endless cursors are refused, not kept", async () => {
    const { at } = serveStub((_request, count) =>
      count === 1
        ? { text: "<html>" }
        : count === 2
          ? { body: { version: "1", kinds: [{ kind: 5 }] } }
          : { body: { version: "1", kinds: [], has_more: true, next_cursor: "c" } },
    );
    const registry = new ActionKindRegistry({ ...at });
    for (let call = 0; call < 3; call += 1) await expect(registry.list()).rejects.toBeInstanceOf(ResponseFormatError);
  });
});

describe("X-Cycles-Deprecated-Kind", () => {
  it("is logged once, and returned with every answer", async () => {
    const { at } = serveStub(() => ({ body: allow, headers: { "x-cycles-deprecated-kind": "email.send" } }));
    const warnings: unknown[] = [];
    const logger = {
      debug: () => {},
      info: () => {},
      error: () => {},
      warn: (...said: unknown[]) => warnings.push(said),
    };
    const client = new CyclesClient({ ...at, apiKey: "test-key", subject: { tenant: "acme" }, logger });
    const request = {
      subject: { tenant: "acme" },
      action: { kind: "mail.send", name: "m" },
      estimate: { unit: "TOKENS", amount: 1n },
    };
    expect(metadataOf(await client.createReservation(request))?.replacementKind).toBe("email.send");
    await client.createReservation(request);
    expect(warnings).toEqual([
      [
        "the action kind of a request is deprecated; use its replacement",
        { operation: "createReservation", replacement: "email.send" },
      ],
    ]);
  });
});

import { stringifyJson } from "@imprest/core/internal";
import type { PaymentSource } from "../authority.ts";
import { sha256Hex } from "../sha256.ts";
import { type X402Options, type X402Signer, payX402 } from "./pay-once.ts";
import { type X402Payload, type X402Required, type X402Settlement, requiredIn, settlementIn } from "./requirements.ts";

/** A call of a tool, as `Client.callTool` of `@modelcontextprotocol/sdk` takes it. */
export interface McpToolCall {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
}

/** How the tools of an MCP server are paid. */
export interface X402McpOptions extends X402Options<McpToolCall> {
  /** Who sells: the server's address or another name of the caller's own, since a server may change what it calls itself. */
  readonly seller: string;
}

/**
 * A `callTool` that pays for tools, once a purchase and within the budget (x402's transport for MCP, versions 1 and 2). The same
 * call of the same tool is one purchase, whatever the order of its arguments.
 * @param callTool that of the client, bound to it. @returns a function of the same form, which also rejects as `payX402` does.
 * @example
 * const callTool = guardX402Mcp(mcp.callTool.bind(mcp), x402Client, budget, { seller: "https://mcp.example", terms });
 * const result = await callTool({ name: "weather", arguments: { city: "Oslo" } });
 */
export function guardX402Mcp<Call extends McpToolCall, Rest extends readonly unknown[], Result>(
  callTool: (call: Call, ...rest: Rest) => Promise<Result>,
  signer: X402Signer,
  source: PaymentSource,
  options: X402McpOptions,
): (call: Call, ...rest: Rest) => Promise<Result> {
  const { seller, purchase = (call: McpToolCall) => purchaseOf(seller, call), ...payment } = options;
  return async (call, ...rest) => {
    const first = await attempt(() => callTool(call, ...rest));
    const required = requiredOf(first);
    if (required === undefined) return handedOn(first);
    const exchange = {
      purchase: await purchase(call),
      seller,
      required,
      send: (payload: X402Payload) =>
        callTool({ ...call, _meta: { ...call._meta, ...metaOf(payload) } }, ...rest).then((value): Outcome<Result> => ({
          value,
        })),
      settlementOf: settlementOfResult,
      signal: signalOf(rest),
    };
    return handedOn(await payX402(exchange, signer, source, payment));
  };
}

/** `callTool` takes its options last, the signal among them. */
function signalOf(rest: readonly unknown[]): AbortSignal | undefined {
  const { signal } = (rest.at(-1) ?? {}) as { readonly signal?: unknown };
  return signal instanceof AbortSignal ? signal : undefined;
}

/** A result, or the protocol error that asks for money instead. */
type Outcome<Result> = { readonly value: Result } | { readonly error: unknown };

async function attempt<Result>(call: () => Promise<Result>): Promise<Outcome<Result>> {
  try {
    return { value: await call() };
  } catch (error) {
    return { error };
  }
}

function handedOn<Result>(outcome: Outcome<Result>): Result {
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** Servers ask in the result of the tool, as an object or as text, or with the protocol error 402. */
function requiredOf(outcome: Outcome<unknown>): X402Required | undefined {
  if ("error" in outcome) {
    const { code, data } = (outcome.error ?? {}) as { readonly code?: unknown; readonly data?: unknown };
    return code === 402 ? requiredIn(data) : undefined;
  }
  const { isError, structuredContent, content } = (outcome.value ?? {}) as {
    readonly isError?: unknown;
    readonly structuredContent?: unknown;
    readonly content?: readonly { readonly text?: unknown }[];
  };
  if (isError !== true) return undefined;
  return requiredIn(structuredContent) ?? requiredIn(parsed(content?.[0]?.text));
}

/** Servers of `x402-mcp`, version 1, read another name, and the header's text. */
function metaOf(payload: X402Payload): Readonly<Record<string, unknown>> {
  if (payload.x402Version !== 1) return { "x402/payment": payload };
  return { "x402/payment": payload, "x402.payment": btoa(stringifyJson(payload)) };
}

function settlementOfResult(outcome: Outcome<unknown>): X402Settlement | undefined {
  const { _meta: meta } = (("value" in outcome && outcome.value) || {}) as {
    readonly _meta?: Readonly<Record<string, unknown>>;
  };
  return settlementIn(meta?.["x402/payment-response"] ?? meta?.["x402.payment-response"]);
}

async function purchaseOf(seller: string, { name, arguments: given = {} }: McpToolCall): Promise<string> {
  return `x402:${await sha256Hex(stringifyJson(["mcp", seller, name, sorted(given)]))}`;
}

/** Members in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]));
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

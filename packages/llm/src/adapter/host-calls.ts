import type { SpendAuthority } from "@imprest/core";
import { base64url, utf8 } from "@imprest/core/internal";
import { type Guard, admit } from "../fetch/admit.ts";
import type { GuardFetchOptions } from "../fetch/options.ts";
import { outgoing } from "../fetch/outgoing.ts";
import { Holds } from "../fetch/waiting.ts";
import { takeSubject } from "../fetch/who-spends.ts";
import { hidesCalls } from "../fetch/wires/openai-chat.ts";
import { type Bag, type Wire, text } from "../fetch/wires/wire.ts";
import { AdaptedCall } from "./adapted-call.ts";

/** What an adapter needs of a budget: a `Budget` of imprest, or an authority with what its calls are guarded by. */
export interface ModelBudget {
  readonly authority: SpendAuthority;
  /** How model calls are guarded: with which prices above all. */
  readonly guardOptions: GuardFetchOptions;
}

/** One call of a model as a host makes it, before a provider's own code writes it. */
export interface HostCall {
  /** Whose model it is. */
  readonly provider: string;
  /** What bounds the call: `model`, and where it has them `messages`, `max_tokens`, `tools` with a `name` each, `n`. */
  readonly body: Bag;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a provider's own code may write around a prompt, in bytes: a guard below bounds what is really sent. */
const aroundPrompt = 1_024;

/** The calls that one adapter guards: in the terms of the guarded fetch, one level above it. */
export class HostCalls {
  readonly #host: string;
  readonly #budget: ModelBudget;
  #guard: Guard | undefined;

  /** @param host as tags of reservations name it: `ai-sdk`. */
  constructor(host: string, budget: ModelBudget) {
    this.#host = host;
    this.#budget = budget;
  }

  /**
   * Reserves for a call.
   * @throws DeniedError: nothing may be sent then; what `openReservation` throws; the reason of `call.signal`.
   */
  async open(kind: "completion" | "embedding" | "image", call: HostCall): Promise<AdaptedCall> {
    const guard = (this.#guard ??= this.#open());
    const headers = new Headers(Object.entries(call.headers ?? {}).filter(hasValue));
    const url = `${this.#host}://${encodeURIComponent(call.provider)}`;
    const body = JSON.stringify(call.body, bytesAsText);
    try {
      const who = takeSubject(headers);
      const request = outgoing(url, { method: "POST", headers, body, signal: call.signal ?? null });
      return new AdaptedCall(guard, await admit(guard, request, wireOf(this.#host, kind), who), headers);
    } catch (error) {
      if (call.signal?.aborted) throw call.signal.reason;
      throw error;
    }
  }

  /** On the first call: a budget does nothing before. */
  #open(): Guard {
    const { authority, guardOptions } = this.#budget;
    const { tokens = (prompt: string) => utf8(prompt).length, billedStatuses } = guardOptions;
    const options = { ...guardOptions, tokens: (prompt: string) => tokens(prompt) + aroundPrompt };
    return { authority, options, holds: new Holds(), billed: new Set(billedStatuses) };
  }
}

function wireOf(host: string, kind: "completion" | "embedding" | "image"): Wire {
  return {
    name: host,
    action: `llm.${kind}`,
    errors: "openai",
    model: ({ body }) => text(body, "model"),
    isStream: () => false,
    read: () => ({}),
    ...(kind === "completion" && {
      limitAt: () => ["max_tokens"],
      toolNames: (tool: Bag) => [text(tool, "name") ?? ""],
      hidesCalls,
    }),
    ...(kind === "image" && { units: imagesAsked }),
  };
}

/** What an image model is charged by that states no tokens. */
function imagesAsked({ n = 1 }: Bag): Readonly<Record<string, number>> {
  return { image: Number(n) };
}

function hasValue(entry: [string, string | undefined]): entry is [string, string] {
  return entry[1] !== undefined;
}

/** Bytes of media, of which no token shows: as text, so that equal ones are known again. */
function bytesAsText(this: Bag, name: string, value: unknown): unknown {
  const given = this[name];
  return given instanceof Uint8Array ? base64url(given) : value;
}

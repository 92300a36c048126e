import { type AuthoritySource, AuthorityUnreachableError, DeniedError } from "@imprest/core";
import { authorityOf } from "@imprest/core/internal";
import { type Admitted, type Guard, admit } from "./admit.ts";
import { errorResponse } from "./denial.ts";
import { Exchange } from "./exchange.ts";
import { takeHandedDown } from "./handed-down.ts";
import type { GuardFetchOptions } from "./options.ts";
import { type Outgoing, outgoing } from "./outgoing.ts";
import { sendGuarded } from "./redirects.ts";
import { Refusal } from "./refusal.ts";
import { errorFormOf, routeOf } from "./routes.ts";
import { Holds } from "./waiting.ts";
import { takeSubject } from "./who-spends.ts";
import type { ErrorForm } from "./wires/wire.ts";

/**
 * A `fetch` that reserves before each request to a model provider, and settles by what became of it: give it to any SDK that
 * takes one. Every attempt of an SDK is a reservation of its own. What it should price and cannot is refused; what is free
 * (`/models`, `count_tokens`, files) passes. docs/what-is-charged.md says how each outcome is settled.
 *
 * A denial is answered, not thrown: 402 in the provider's own error form, which no SDK repeats. `denialOf(error)` finds it in
 * what the SDK throws. Nothing of ours leaves: the headers `imprest-agent`, `imprest-workflow` … say who spends and are
 * taken off.
 * @throws as `fetch` does; AuthorityUnreachableError where the authority gives no answer, and nothing is sent.
 * @example
 * const openai = new OpenAI({ fetch: guardFetch(authority, { prices }) });
 * const anthropic = new Anthropic({ fetch: guardFetch(authority, { prices }) });
 */
export function guardFetch(source: AuthoritySource, options: GuardFetchOptions): typeof fetch {
  const guard: Guard = {
    authority: authorityOf(source),
    options,
    holds: new Holds(),
    billed: new Set(options.billedStatuses),
  };
  return async (input, init) => guarded(guard, outgoing(input, init), options.fetch ?? globalThis.fetch);
}

async function guarded(guard: Guard, request: Outgoing, pass: typeof fetch): Promise<Response> {
  const { method, url, signal } = request;
  const known = routeOf(request);
  const route = known === "unknown" && guard.options.isFree?.(url, method) === true ? "free" : known;
  const form = typeof route === "object" ? route.errors : errorFormOf(url);
  let admitted: Admitted;
  try {
    const handed = takeHandedDown(guard.authority, request.headers);
    const who = { ...handed?.subject, ...takeSubject(request.headers) };
    if (route === "free") return sendOn(request, pass);
    if (route === "unknown") {
      const why = `${method} ${url.pathname} is no request that the guard can price; name it in isFree if it costs nothing`;
      throw new Refusal("UNPRICED_ROUTE", why);
    }
    admitted = await admit(guard, request, route, who, handed);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (AuthorityUnreachableError.isInstance(error)) throw error;
    return refused(error, form);
  }
  return new Exchange(guard, admitted, request).run();
}

function sendOn({ target, rest, method, headers, body, signal }: Outgoing, pass: typeof fetch): Promise<Response> {
  return sendGuarded(pass, target, { ...rest, method, headers, body: body ?? null, signal: signal ?? null });
}

/** A No as an answer: what `fetch` throws, SDKs take for a broken connection, repeat, and hide. */
function refused(error: unknown, form: ErrorForm): Response {
  if (Refusal.isInstance(error)) return errorResponse(error, 400, form);
  if (DeniedError.isInstance(error)) return errorResponse(error, 402, form);
  const why = error instanceof Error ? error.message : "The reservation failed";
  return errorResponse(new Refusal("RESERVATION_REFUSED", why, error), 400, form);
}

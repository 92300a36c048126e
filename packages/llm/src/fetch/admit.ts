import {
  type Amount,
  type Metadata,
  type Reservation,
  type SpendAuthority,
  type Subject,
  ValidationError,
  openReservation,
} from "@imprest/core";
import { parseJson, stringifyJson } from "@imprest/core/internal";
import { answersAsked } from "../usage/answers-asked.ts";
import { type BoundOptions, type PricedCall, estimateOf } from "./call-cost.ts";
import { underCaps, writtenCaps } from "./caps.ts";
import type { HandedDown } from "./handed-down.ts";
import type { GuardFetchOptions, GuardReport, GuardedRequest } from "./options.ts";
import { type Outgoing, type RequestBody, readBody } from "./outgoing.ts";
import { otherModels } from "./other-models.ts";
import { Refusal } from "./refusal.ts";
import type { Holds } from "./waiting.ts";
import { subjectOf } from "./who-spends.ts";
import type { Bag, ProviderRequest, Wire } from "./wires/wire.ts";

/** What one fetch works with. */
export interface Guard {
  readonly authority: SpendAuthority;
  readonly options: GuardFetchOptions;
  readonly holds: Holds;
  readonly billed: ReadonlySet<number>;
}

/** A request that may leave: reserved, under the authority's caps, with its usage asked for. */
export interface Admitted {
  readonly call: PricedCall;
  readonly request: GuardedRequest;
  readonly reservation: Reservation;
  readonly estimate: Amount;
  /** What is sent. */
  readonly bytes: RequestBody["bytes"];
  readonly isChanged: boolean;
  /** The usage was asked for by us, and its event is taken out again. */
  readonly hidesUsage: boolean;
  readonly isDetached: boolean;
}

const defaultWaitMs = 30_000;

/** Emits a report. A listener of the caller's must not break a call. */
export function report({ authority, options }: Guard, said: GuardReport): void {
  const { kind, wire, model } = said;
  authority.environment?.logger?.warn(`guardFetch: ${kind}`, { wire, model });
  try {
    Promise.resolve(options.onReport?.(said)).catch(() => {});
  } catch {
    // As above.
  }
}

/** Reads, prices and reserves, or takes what an adapter has reserved. @throws Refusal or DeniedError: nothing is sent then; what `openReservation` throws. */
export async function admit(
  guard: Guard,
  outgoing: Outgoing,
  wire: Wire,
  who: Subject,
  handed?: HandedDown,
): Promise<Admitted> {
  const { options } = guard;
  const body = await readBody(outgoing);
  if (body === undefined) {
    throw new Refusal(
      "UNREADABLE_REQUEST",
      "The request's body is neither a JSON object nor a form, so nothing prices it",
    );
  }
  const read: ProviderRequest = { url: outgoing.url, headers: outgoing.headers, body: body.members };
  const others = [body.members, ...(wire.parts?.(body.members) ?? [])].flatMap(otherModels);
  const model = wire.model(read) ?? others[0];
  const unpriced = [model, ...others].find((name) => name === undefined || !options.prices.has(name));
  if (model === undefined || unpriced !== undefined) {
    const which = unpriced === undefined ? "The request names no model" : `The model "${unpriced}" has no price`;
    throw new Refusal("UNPRICED_MODEL", `${which}; add it to the price table`);
  }
  const isDetached = wire.isDetached?.(read) === true;
  if (isDetached && options.settleLater === undefined) {
    const why = "A background response or a batch is charged after its answer; give settleLater, which settles it";
    throw new Refusal("NO_SETTLER", why);
  }
  const request: GuardedRequest = { wire: wire.name, model, url: outgoing.url, body: body.members };
  const call = await priced(guard, wire, request);
  const estimate = bounded(call, options, request);
  const reservation = (await handed?.take(estimate)) ?? (await reserve(guard, outgoing, call, estimate, who));
  try {
    const asks = wire.isStream(read) && body.isJson;
    const limited = (members: Bag): Bag | undefined =>
      underCaps(wire, members, reservation.caps, answersAsked(members));
    const capped = limited(body.members);
    const asked = asks ? wire.askForUsage?.(capped ?? body.members) : undefined;
    const isChanged = capped !== undefined || asked !== undefined;
    const bytes = isChanged
      ? rewritten(body, (members) => {
          const under = limited(members) ?? members;
          return (asks ? wire.askForUsage?.(under) : undefined) ?? under;
        })
      : body.bytes;
    const sent = capped === undefined ? call : { ...call, body: capped };
    return {
      call: sent,
      request,
      reservation,
      estimate,
      bytes,
      isChanged,
      hidesUsage: asked !== undefined,
      isDetached,
    };
  } catch (error) {
    void reservation.release(error instanceof Error ? error.message : "the request could not be written");
    throw error;
  }
}

async function priced({ options }: Guard, wire: Wire, request: GuardedRequest): Promise<PricedCall> {
  const { prices, tokens, extraInputTokens, extraUnits, prefixes, hidesReasoning } = options;
  const { model, body } = request;
  const prefix = await prefixes?.find(countedAs(request), body).catch(() => undefined);
  const bounds: BoundOptions = {
    ...(tokens && { tokens }),
    ...(extraInputTokens !== undefined && { extraInputTokens }),
    ...(extraUnits && { extraUnits }),
    ...(prefix && { prefix }),
  };
  const others = otherModels(body).filter((other) => other !== model);
  return { prices, wire, model, others, body, bounds, hidesReasoning };
}

/** What decides beside the body how a prompt is counted. */
export function countedAs({ url, wire, model }: GuardedRequest): string {
  return `${url.host} ${wire} ${model}`;
}

function bounded(call: PricedCall, { estimate }: GuardFetchOptions, request: GuardedRequest): Amount {
  const own = estimate?.(request);
  if (own !== undefined) return own;
  try {
    return estimateOf(call);
  } catch (error) {
    if (!ValidationError.isInstance(error)) throw error;
    const why = error.issues.map(({ pointer, message }) => `${pointer} ${message}`).join("; ");
    throw new Refusal("UNBOUNDED_REQUEST", `No bound of what the request can cost: ${why}`, error);
  }
}

function reserve(
  guard: Guard,
  { headers, signal }: Outgoing,
  call: PricedCall,
  estimate: Amount,
  who: Subject,
): Promise<Reservation> {
  const { authority, options, holds } = guard;
  const { waitMs = defaultWaitMs, tags = [], honours = [], failOpen, leaseLoss, onSettlement, timeoutMs } = options;
  const { wire, model } = call;
  const context = typeof options.subject === "function" ? options.subject() : options.subject;
  const attempt = attemptOf(headers);
  const request = {
    estimate,
    action: { kind: wire.action, name: model, tags: [wire.name, "attempt", ...tags] },
    // What an agent does within a reservation of its own is spent by that agent.
    subject: subjectOf(who, context, authority.environment?.context?.current()?.subject),
    ...(attempt && { metadata: attempt }),
  };
  const open = (): Promise<Reservation> =>
    openReservation(authority, request, {
      honours: [...writtenCaps, ...honours],
      signal,
      failOpen,
      leaseLoss,
      onSettlement,
      timeoutMs,
    });
  return holds.open(open, {
    authority,
    request,
    waitMs,
    signal,
    onWait: (denial) => report(guard, { kind: "waiting", wire: wire.name, model, denial }),
  });
}

/** Which attempt of a call it is, where the SDK says so: those of OpenAI and Anthropic count their retries. */
function attemptOf(headers: Headers): Metadata | undefined {
  const retries = headers.get("x-stainless-retry-count");
  return retries !== null && /^\d{1,3}$/.test(retries) ? { attempt: Number(retries) + 1 } : undefined;
}

/** The body with a change. Integers of any size stay as they are. */
function rewritten({ bytes }: RequestBody, change: (members: Bag) => Bag): string {
  const text = typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
  return stringifyJson(change(parseJson(text) as Bag));
}

import { type Cap, DeniedError } from "@imprest/core";
import { base64url, parseBase64url, parseJson, stringifyJson, utf8 } from "@imprest/core/internal";
import { type Bag, type ErrorForm, isBag } from "./wires/wire.ts";

/** How a denial is answered. */
export interface DenialResponseOptions {
  /** In whose form; a client of that provider shows the message then. By default: `openai`. */
  readonly form?: ErrorForm | undefined;
}

/** What is said of a No. SDKs make an error of their own out of it, and this text survives in its body or its message. */
const marker = "imprest-denied.";
const marked = /imprest-denied\.([\w-]{1,16384})/;
/** Longer texts of an authority are cut: a marker must fit into an error. */
const longestText = 1_000;

/**
 * The HTTP answer for a denial: 402 in the provider's own error form, which no SDK sends again (`x-should-retry: false`), and
 * out of which `denialOf` reads the denial. For a server of your own that stands before a model.
 * @returns `undefined` where `error` holds no denial.
 * @example
 * try {
 *   return Response.json(await answer(request));
 * } catch (error) {
 *   const denied = denialResponse(error);
 *   if (denied) return denied;
 *   throw error;
 * }
 */
export function denialResponse(error: unknown, { form = "openai" }: DenialResponseOptions = {}): Response | undefined {
  const denial = denialOf(error);
  return denial && errorResponse(denial, 402, form);
}

/** As `denialResponse`, with the status that says who refused: the authority, or the guard. */
export function errorResponse(denial: DeniedError, status: 400 | 402, form: ErrorForm): Response {
  const { message, reasonCode = "DENIED", retryAfterMs } = denial;
  const headers = new Headers({ "content-type": "application/json", "x-should-retry": "false" });
  if (retryAfterMs !== undefined) headers.set("retry-after", String(Math.ceil(retryAfterMs / 1_000)));
  const body = errorBody({ message, reasonCode, imprest: marker + base64url(utf8(written(denial))) }, status, form);
  return new Response(JSON.stringify(body), { status, headers });
}

interface Words {
  readonly message: string;
  readonly reasonCode: string;
  readonly imprest: string;
}

function errorBody({ message, reasonCode, imprest }: Words, status: number, form: ErrorForm): Bag {
  const type = status === 402 ? "budget_denied" : "invalid_request_error";
  switch (form) {
    case "anthropic":
      return { type: "error", error: { type, message, reason: reasonCode, imprest } };
    case "google":
      return {
        error: { code: status, message, status: "FAILED_PRECONDITION", details: [{ reason: reasonCode, imprest }] },
      };
    default:
      return { error: { message, type, param: null, code: reasonCode, imprest } };
  }
}

function written({
  message,
  decision,
  reasonCode,
  caps,
  retryAfterMs,
  requestId,
  traceId,
  isHeld,
}: DeniedError): string {
  const fields = { decision, reasonCode, retryAfterMs, requestId, traceId, isHeld };
  const short = message.slice(0, longestText);
  const text = stringifyJson({ ...fields, message: short, caps });
  return text.length <= 8 * longestText ? text : stringifyJson({ ...fields, message: short });
}

/** How many values an error is searched for, how deep, and how much text of each. */
const mostValues = 512;
const deepest = 8;
const longestSearched = 65_536;

/**
 * The denial within whatever an SDK threw: the error itself, its causes, the errors of its attempts, or the answer that it
 * holds as an object or as text. @returns `undefined` where there is none.
 * @example
 * try {
 *   await openai.chat.completions.create(request);
 * } catch (error) {
 *   const denial = denialOf(error);
 *   if (denial) console.log(denial.reasonCode, denial.isHeld);
 * }
 */
export function denialOf(error: unknown): DeniedError | undefined {
  const seen = new Set<object>();
  let left = mostValues;
  let level: readonly unknown[] = [error];
  for (let depth = 0; depth <= deepest && level.length > 0; depth += 1) {
    const below: unknown[] = [];
    for (const value of level) {
      if ((left -= 1) < 0) return undefined;
      if (DeniedError.isInstance(value)) return value;
      if (typeof value === "string") {
        const denial = readMarker(value);
        if (denial) return denial;
      } else if (typeof value === "object" && value !== null && !seen.has(value)) {
        seen.add(value);
        below.push(...membersOf(value));
      }
    }
    level = below;
  }
  return undefined;
}

/** What an object holds; `message` and `cause` of an error are not enumerable. A getter that throws holds nothing. */
function membersOf(value: object): unknown[] {
  const names = new Set([...Object.keys(value).slice(0, mostValues), "message", "cause"]);
  return [...names].flatMap((name) => {
    try {
      return [(value as Bag)[name]];
    } catch {
      return [];
    }
  });
}

function readMarker(text: string): DeniedError | undefined {
  const [, encoded] = marked.exec(text.slice(0, longestSearched)) ?? [];
  const bytes = encoded === undefined ? undefined : parseBase64url(encoded);
  if (bytes === undefined) return undefined;
  try {
    const fields: unknown = parseJson(new TextDecoder().decode(bytes));
    return isBag(fields) ? deniedError(fields) : undefined;
  } catch {
    return undefined;
  }
}

function deniedError(fields: Bag): DeniedError {
  const word = (name: string): string | undefined => (typeof fields[name] === "string" ? fields[name] : undefined);
  const { caps, retryAfterMs, isHeld } = fields;
  return new DeniedError(word("message") ?? "The authority answered DENY.", {
    decision: word("decision"),
    reasonCode: word("reasonCode"),
    caps: Array.isArray(caps) ? caps.filter((cap): cap is Cap => isBag(cap) && typeof cap["name"] === "string") : [],
    retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : undefined,
    requestId: word("requestId"),
    traceId: word("traceId"),
    isHeld: typeof isHeld === "boolean" ? isHeld : undefined,
  });
}

import { ValidationError } from "@imprest/core";
import { boundedText } from "./text.ts";

/** How an open mandate may be used (AP2 §Agent Recurrence, §Budget). */
export interface MandateLimits {
  /** Without it the mandate has one use. `ON_DEMAND`, `DAILY`, `WEEKLY`, `BIWEEKLY`, `MONTHLY`, `QUARTERLY` or `ANNUALLY`; any other word allows nothing. */
  readonly frequency?: string | undefined;
  readonly maxOccurrences?: number | undefined;
  /** The most that all occurrences may cost together, in whole units as a plain decimal, in the mandate's currency. */
  readonly budget?: string | undefined;
}

/** An open mandate by which an agent delegated further: used as its own limits say, once without any. */
export interface Delegation {
  /** Derived as `openMandateHash` is. */
  readonly id: string;
  readonly limits?: MandateLimits | undefined;
}

/** One payment that a user agreed to, as far as the guard needs to know it. */
export interface AP2Mandate {
  readonly transactionId: string;
  /** Whole units as a decimal: `"199.00"`. */
  readonly amountValue: string;
  /** ISO 4217. */
  readonly currency: string;
  /** Host or address of the payee, as the mandate has it. */
  readonly payeeWebsite: string;
  readonly checkoutHash?: string | undefined;
  /**
   * Identity of the open mandate. `mandateFromAP2` derives it from the token (SHA-256 of the JWS signing input, hex),
   * because hashes over a whole presentation change with every disclosure that is left out.
   */
  readonly openMandateHash?: string | undefined;
  /** Identities of open mandates that belong to the same purchase; whichever is used, all are. */
  readonly linkedHashes?: readonly string[] | undefined;
  /** What the open mandate says of its use; one payment when absent. */
  readonly limits?: MandateLimits | undefined;
  /** The mandates between the open one and the closed one. */
  readonly delegations?: readonly Delegation[] | undefined;
  /** When the mandate, or what it stands on, expires: epoch milliseconds. */
  readonly expiresAtMs?: number | undefined;
}

const known: ReadonlySet<string> = new Set<keyof AP2Mandate>([
  "transactionId",
  "amountValue",
  "currency",
  "payeeWebsite",
  "checkoutHash",
  "openMandateHash",
  "linkedHashes",
  "limits",
  "delegations",
  "expiresAtMs",
]);

const knownLimits: ReadonlySet<string> = new Set<keyof MandateLimits>(["frequency", "maxOccurrences", "budget"]);

/**
 * The mandate with white space stripped, held to the same lengths as the Python guard's model.
 * @throws ValidationError for a member that is missing, of another type, too short, too long or unknown.
 */
export function checkMandate(mandate: AP2Mandate): AP2Mandate {
  refuseUnknown(mandate, known, "");
  const text = (field: keyof AP2Mandate, least: number, most: number): string =>
    boundedText("mandate", field, mandate[field], least, most);
  const hash = (field: "checkoutHash" | "openMandateHash"): Partial<AP2Mandate> =>
    mandate[field] == null ? {} : { [field]: text(field, 1, 256) };
  const { linkedHashes, limits, delegations, expiresAtMs } = mandate;
  return {
    transactionId: text("transactionId", 1, 256),
    amountValue: text("amountValue", 1, 64),
    currency: text("currency", 3, 3),
    payeeWebsite: text("payeeWebsite", 1, 253),
    ...hash("checkoutHash"),
    ...hash("openMandateHash"),
    ...(linkedHashes != null && {
      linkedHashes: listed(linkedHashes, "linkedHashes").map((link) => id(link, "linkedHashes")),
    }),
    ...(limits != null && { limits: checkLimits(limits, "limits") }),
    ...(delegations != null && {
      delegations: listed(delegations, "delegations").map((one) => ({
        id: id(one.id, "delegations/id"),
        ...(one.limits != null && { limits: checkLimits(one.limits, "delegations/limits") }),
      })),
    }),
    ...(expiresAtMs != null && { expiresAtMs: wholeNumber(expiresAtMs, "expiresAtMs") }),
  };
}

/** What limits a mandate is never passed over: a limit that cannot be read would be none. */
function checkLimits(limits: MandateLimits, at: string): MandateLimits {
  refuseUnknown(limits, knownLimits, `/${at}`);
  const { frequency, maxOccurrences, budget } = limits;
  return {
    ...(frequency != null && { frequency: boundedText("mandate", `${at}/frequency`, frequency, 0, 64) }),
    ...(maxOccurrences != null && { maxOccurrences: wholeNumber(maxOccurrences, `${at}/maxOccurrences`) }),
    ...(budget != null && { budget: boundedText("mandate", `${at}/budget`, budget, 1, 64) }),
  };
}

function id(value: unknown, at: string): string {
  return boundedText("mandate", at, value, 1, 256);
}

function listed<Item>(value: readonly Item[], at: string): readonly Item[] {
  if (Array.isArray(value)) return value;
  throw invalid(`/${at}`, "must be a list");
}

function wholeNumber(value: number, at: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`/${at}`, "must be a whole number, zero or more");
}

function refuseUnknown(value: object, names: ReadonlySet<string>, at: string): void {
  const unknown = Object.keys(value).find((name) => !names.has(name));
  if (unknown !== undefined) throw invalid(`${at}/${unknown}`, "is no member of a mandate; remove it");
}

function invalid(pointer: string, message: string): ValidationError {
  return new ValidationError("mandate", [{ pointer, message }]);
}

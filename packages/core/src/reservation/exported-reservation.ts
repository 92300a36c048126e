import type { Amount } from "../amount/amount.ts";
import { readAmount, writeAmount } from "../amount/amount-text.ts";
import type { SpendAuthority } from "../authority/authority.ts";
import type { Grant, Lease } from "../authority/grant.ts";
import { ValidationError } from "../errors/local-errors.ts";
import { isUsableId } from "./check-grant.ts";
import { parseJson, stringifyJson } from "../wire/json.ts";

/** What another process needs to settle a reservation. It holds no secret: the authority that adopts it has its own. */
export interface ExportedReservation {
  readonly protocol: string;
  /** Which server and principal granted; an authority of another one must not settle it. */
  readonly target: string;
  readonly idempotencyKey: string;
  readonly traceparent: string | undefined;
  readonly grant: Grant;
}

/** The form's version; another one is refused, because a member that is not understood may be money. */
const version = 1;

/** A granted reservation as text, for `adopt`. */
export function exportReservation(
  { protocol, target }: SpendAuthority,
  grant: Grant,
  idempotencyKey: string,
  traceparent: string | undefined,
): string {
  const { reserved, request, ...rest } = grant;
  const written = {
    ...rest,
    reserved: writeAmount(reserved),
    request: { ...request, estimate: writeAmount(request.estimate) },
  };
  return stringifyJson({
    version,
    protocol,
    target,
    idempotencyKey,
    ...(traceparent && { traceparent }),
    grant: written,
  });
}

/** @throws ValidationError naming the member that makes it no exported reservation. */
export function readExported(text: string): ExportedReservation {
  const whole = membersOf(parseText(text), "");
  if (whole["version"] !== version) refuse("/version", `is not ${version}; export it with this version of the library`);
  const grant = membersOf(whole["grant"], "/grant");
  const request = membersOf(grant["request"], "/grant/request");
  const action = membersOf(request["action"], "/grant/request/action");
  const { decision, caps = [], lease } = grant;
  if (decision !== "ALLOW" && decision !== "ALLOW_WITH_CAPS") refuse("/grant/decision", "is no grant");
  if (!Array.isArray(caps)) refuse("/grant/caps", "is not a list");
  textOf(action, "kind", "/grant/request/action");
  const read = {
    ...grant,
    id: idOf(grant),
    caps,
    reserved: amountOf(grant["reserved"], "/grant/reserved"),
    request: { ...request, estimate: amountOf(request["estimate"], "/grant/request/estimate") },
    ...(lease !== undefined && { lease: readLease(lease) }),
  };
  const { traceparent } = whole;
  return {
    protocol: textOf(whole, "protocol", ""),
    target: textOf(whole, "target", ""),
    idempotencyKey: textOf(whole, "idempotencyKey", ""),
    traceparent: typeof traceparent === "string" ? traceparent : undefined,
    grant: read as unknown as Grant,
  };
}

function parseText(text: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new ValidationError("exported reservation", [{ pointer: "", message: "is no JSON" }], { cause });
  }
}

function idOf(grant: Readonly<Record<string, unknown>>): string {
  const { id } = grant;
  if (!isUsableId(id)) refuse("/grant/id", "cannot be addressed");
  return id;
}

function readLease(value: unknown): Lease {
  const lease = membersOf(value, "/grant/lease");
  const { ttlMs, expiresAt } = lease;
  if (typeof ttlMs !== "number" || !(ttlMs > 0)) refuse("/grant/lease/ttlMs", "is no number of milliseconds");
  // What remained was counted by another process's clock; the first extension says what remains now.
  return { ttlMs, ...(typeof expiresAt === "number" && { expiresAt }) };
}

function amountOf(value: unknown, pointer: string): Amount {
  return readAmount(value) ?? refuse(pointer, "is no amount");
}

function membersOf(value: unknown, pointer: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(pointer, "is no object");
  return value as Readonly<Record<string, unknown>>;
}

function textOf(members: Readonly<Record<string, unknown>>, name: string, pointer: string): string {
  const value = members[name];
  if (typeof value !== "string" || value === "") refuse(`${pointer}/${name}`, "is no text");
  return value;
}

function refuse(pointer: string, message: string): never {
  throw new ValidationError("exported reservation", [{ pointer, message }]);
}

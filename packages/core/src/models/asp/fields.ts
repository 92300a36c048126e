import { type ProtoStruct, bytes, protoText, struct } from "../../wire/proto.ts";
import { type OptionalShape, type Shape, converted, leaf, list, optional } from "../../wire/shape.ts";
import { isAtomicAmount, parseAtomicAmount } from "./atomic-amount.ts";
import { aspMostDigits } from "./names.ts";
import { parseTimestamp } from "./timestamp.ts";

// The building blocks of the messages and of the audit events.

/** A decimal string of at most 38 digits (ASP §4 `amount_atomic`). A JSON number is refused: it may have lost digits. */
export const atomic: Shape<bigint> = /* @__PURE__ */ converted(
  parseAtomicAmount,
  `must be a decimal string of at most ${aspMostDigits} digits`,
  { type: "string", pattern: `^(0|[1-9][0-9]{0,${aspMostDigits - 1}})$` },
  (value) => (typeof value === "bigint" && isAtomicAmount(value) ? value.toString() : undefined),
);

/** An RFC 3339 timestamp, kept as written: nanoseconds do not fit a date. */
export const timestamp: Shape<string> = /* @__PURE__ */ leaf(
  (value) => parseTimestamp(value) !== undefined,
  "must be an RFC 3339 timestamp",
  { type: "string", format: "date-time" },
);

// Defaults of proto3 stand for absence: no text, no bytes, an empty list.

function isEmptyText(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function isEmptyList(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

export const optionalText: OptionalShape<string> = /* @__PURE__ */ optional(protoText, isEmptyText);
export const optionalBytes: OptionalShape<Uint8Array> = /* @__PURE__ */ optional(bytes, isEmptyText);
export const optionalAtomic: OptionalShape<bigint> = /* @__PURE__ */ optional(atomic, isEmptyText);
export const optionalStruct: OptionalShape<ProtoStruct> = /* @__PURE__ */ optional(struct);
export const optionalTexts: OptionalShape<string[]> = /* @__PURE__ */ optionalList(protoText);

/* @__NO_SIDE_EFFECTS__ */
export function optionalList<Item>(item: Shape<Item>): OptionalShape<Item[]> {
  return optional(list(item), isEmptyList);
}

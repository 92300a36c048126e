import * as z from "zod";
import { $constructor } from "zod/v4/core";
import { mostIssues, shortened } from "../wire/bounds.ts";
import type { WireIssue } from "../wire/schema.ts";
import { protoNameOf } from "../wire/proto.ts";
import { type LeafSchema, type Others, type Shape, isJsonObject, unknownMembers } from "../wire/shape.ts";

const made = new WeakMap<Shape<unknown>, z.ZodType>();

/**
 * The zod schema of a shape: it reads what the shape reads and writes what the shape writes (`z.encode`), and becomes JSON
 * Schema. Objects, lists, unions and plain leaves are zod's own, so that they can be picked from and extended.
 * @example
 * const schema = toZod(reservationCreateRequest);
 */
export function toZod<Value>(shape: Shape<Value>): z.ZodType<Value> {
  const schema = made.get(shape) ?? make(shape);
  made.set(shape, schema);
  // The types agree by construction: what zod hands out is what the shape reads.
  return schema as z.ZodType<Value>;
}

function make(shape: Shape<unknown>): z.ZodType {
  const { parts, message } = shape;
  switch (parts.kind) {
    case "leaf":
      return parts.isConverted === true
        ? custom(shape, binding(parts.schema))
        : plainLeaf(shape, binding(parts.schema));
    case "tolerant":
      return custom(shape, z.toJSONSchema(toZod(parts.written)));
    case "optional":
      return new WireOptional({ type: "optional", innerType: toZod(parts.inner), isAbsent: parts.isAbsent });
    case "list": {
      const list = new WireArray({
        type: "array",
        element: toZod(parts.item),
        error: () => message,
        shape,
        most: parts.most,
      });
      return parts.most === Number.POSITIVE_INFINITY
        ? list
        : list.check(z.maxLength(parts.most, `must have at most ${parts.most} items`));
    }
    case "record":
      return new WireRecord({
        type: "record",
        keyType: toZod(parts.name),
        valueType: toZod(parts.item),
        error: () => message,
        shape,
        most: parts.most,
      });
    case "object": {
      const members = Object.entries(parts.members).map(([name, member]) => [name, toZod(member)]);
      return new WireObject({
        type: "object",
        shape: Object.fromEntries(members),
        ...catchall(parts.others),
        error: ({ code, keys = [] }) => (code === "unrecognized_keys" ? unknownMembers(keys) : message),
        isMessage: parts.others === "dropped",
      });
    }
    case "union":
      return z.union(parts.options.map(toZod), message);
    case "variants":
      return z.discriminatedUnion(parts.member, Object.values(parts.byText).map(toZod) as never, message);
    default:
      // Refined: `test` takes what the inner shape reads, and the inner schema hands out the same.
      return toZod(parts.inner).refine(parts.test as (value: unknown) => boolean, message);
  }
}

function catchall(others: Others): { readonly catchall?: z.ZodType } {
  if (others === "dropped") return {};
  return { catchall: others === "refused" ? z.never() : z.unknown() };
}

/** The bounds of `schema` that bind. */
function binding(schema: LeafSchema): LeafSchema {
  const bounds = Object.entries(schema).filter(([name, bound]: [string, unknown]) => {
    if (name === "minLength") return bound !== 0;
    return typeof bound !== "number" || (bound < Number.MAX_SAFE_INTEGER && bound > Number.NEGATIVE_INFINITY);
  });
  return Object.fromEntries(bounds);
}

/** zod's own type for a leaf that is handed out as it came; its bounds are the shape's. */
function plainLeaf(shape: Shape<unknown>, schema: LeafSchema): z.ZodType {
  const { message } = shape;
  const { type, enum: words } = schema;
  if (type === "boolean") return words === undefined ? z.boolean(message) : z.literal([...words], message);
  if (words !== undefined) return z.enum(words.map(String), message);
  if (type === "string") return z.string(message).check(asTheShapeSays(shape, schema));
  if (type === "number" || type === "integer") return z.number(message).check(asTheShapeSays(shape, schema));
  return custom(shape, schema);
}

/** The shape's own check, whose bounds become JSON Schema: zod counts characters in another unit. */
function asTheShapeSays(shape: Shape<unknown>, schema: LeafSchema): z.core.$ZodCheck<unknown> {
  const { type, format, pattern, minLength, maxLength, minimum = minLength, maximum = maxLength } = schema;
  const check = z.check((payload) => {
    const issues: WireIssue[] = [];
    shape.read(payload.value, issues, false);
    withIssues(payload, issues);
  });
  check._zod.onattach.push(({ _zod: { bag } }) => {
    Object.assign(bag, { minimum, maximum, format: type === "integer" ? "safeint" : format });
    if (pattern !== undefined) Object.assign(bag, { patterns: new Set([new RegExp(pattern)]) });
  });
  return check;
}

function withIssues<Payload extends z.core.ParsePayload>(payload: Payload, issues: readonly WireIssue[]): Payload {
  for (const { path, message } of issues) payload.issues.push({ code: "custom", message, path, input: payload.value });
  return payload;
}

function custom(shape: Shape<unknown>, schema: object): z.ZodType {
  return new WireLeaf({ type: "custom", shape, schema });
}

type Parse = (
  payload: z.core.ParsePayload,
  context: z.core.ParseContextInternal,
) => z.core.util.MaybeAsync<z.core.ParsePayload>;
type Definition = z.core.$ZodTypeDef & { readonly error?: (issue: { code?: string; keys?: string[] }) => string };

/** A type of zod's, or none, whose parsing is changed. It is made again of `definition` wherever zod clones a schema. */
function derived<Extra>(
  base: { init(instance: never, definition: never): void },
  change: (instance: z.ZodType, definition: Extra, parse: Parse) => Parse,
): new (definition: Definition & Extra) => z.ZodType {
  const made = $constructor("WireType", (instance, definition) => {
    base.init(instance as never, definition as never);
    const internals: { parse: Parse } = (instance as z.ZodType)._zod;
    internals.parse = change(instance as z.ZodType, definition as Extra, internals.parse);
  });
  return made as unknown as new (definition: Definition & Extra) => z.ZodType;
}

const isBackward = (context: z.core.ParseContextInternal): boolean => context.direction === "backward";

/** A leaf that zod has no type for: the shape itself, in both directions. */
const WireLeaf = derived<{ readonly shape: Shape<unknown>; readonly schema: object }>(
  z.ZodType,
  (instance, { shape, schema }) => {
    instance._zod.toJSONSchema = () => structuredClone(schema);
    return (payload, context) => {
      const issues: WireIssue[] = [];
      const value = shape.read(payload.value, issues, isBackward(context));
      withIssues(payload, issues);
      if (issues.length === 0) payload.value = isBackward(context) ? asNumber(value) : value;
      return payload;
    };
  },
);

/** `JSON.stringify`, by which what zod encodes is written, takes no bigint. */
function asNumber(value: unknown): unknown {
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** For an optional member `null` means absent, and in the dialect of proto the default too. */
const WireOptional = derived<{ readonly innerType: z.ZodType; readonly isAbsent: (value: unknown) => boolean }>(
  z.ZodOptional,
  (_instance, { innerType, isAbsent }) =>
    (payload, context) => {
      if (!isAbsent(payload.value)) return innerType._zod.run(payload, context);
      payload.value = undefined;
      return payload;
    },
);

/** zod goes through all members whatever is wrong with them, so a long list or record is given up at its twentieth issue. */
function givingUp(base: { init(instance: never, definition: never): void }) {
  return derived<LongDefinition>(base, (_instance, { shape, most }, parse) => (payload, context) => {
    const { value } = payload;
    const length = typeof value === "object" && value !== null ? Object.keys(value).length : 0;
    if (length > Math.min(most, mostIssues)) {
      const issues: WireIssue[] = [];
      shape.read(value, issues, isBackward(context));
      if (length > most || issues.length >= mostIssues) return withIssues(payload, issues);
    }
    return cut(parse(payload, context));
  });
}

const WireArray = givingUp(z.ZodArray);
const WireRecord = givingUp(z.ZodRecord);

interface LongDefinition {
  readonly shape: Shape<unknown>;
  readonly most: number;
  readonly element?: z.ZodType;
  readonly keyType?: z.ZodType;
  readonly valueType?: z.ZodType;
}

/** In a message of proto a field has two names. */
const WireObject = derived<{
  readonly shape: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
  readonly isMessage: boolean;
}>(z.ZodObject, (_instance, { shape, isMessage }, parse) => (payload, context) => {
  if (isMessage && !isBackward(context)) renameFields(payload, Object.keys(shape));
  return cut(parse(payload, context));
});

function renameFields(payload: z.core.ParsePayload, names: readonly string[]): void {
  const { value } = payload;
  if (!isJsonObject(value)) return;
  const renamed: Record<string, unknown> = {};
  for (const name of names) {
    const [given, second] = [...new Set([name, protoNameOf(name)])].filter((either) => Object.hasOwn(value, either));
    if (given !== undefined) renamed[name] = value[given];
    if (second === undefined) continue;
    payload.issues.push({ code: "custom", message: `is given twice, also as ${name}`, path: [second], input: value });
  }
  payload.value = renamed;
}

/** As in the shape's issues, the sender's own words are cut short, and of unknown names there are a few. */
function cut(result: z.core.util.MaybeAsync<z.core.ParsePayload>): typeof result {
  if (result instanceof Promise) return result.then(cut);
  for (const issue of result.issues) {
    const [name] = issue.path ?? [];
    if (typeof name === "string" && issue.path !== undefined) issue.path[0] = shortened(name);
    if (issue.code !== "unrecognized_keys") continue;
    issue.keys.splice(0, issue.keys.length, ...issue.keys.slice(0, 5).map(shortened));
  }
  return result;
}

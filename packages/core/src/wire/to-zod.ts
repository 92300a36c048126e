import { $ZodObjectJIT, $constructor } from "zod/v4/core";
import * as z from "zod/mini";
import { mostIssues } from "./bounds.ts";
import type { WireIssue, WireSchema } from "./schema.ts";
import { type Shape, isJsonObject, unknownMembers } from "./shape.ts";

const made = new WeakMap<Shape<unknown>, z.ZodMiniType>();

/** The zod schema of a shape: zod's own objects and lists, around leaves that accept what the shape's accept. */
export function toZod<Value>(shape: Shape<Value>): WireSchema<Value> {
  const schema = made.get(shape) ?? make(shape);
  made.set(shape, schema);
  // The types agree by construction: what zod hands out is what the shape reads.
  return schema as WireSchema<Value>;
}

function make(shape: Shape<unknown>): z.ZodMiniType {
  const { parts } = shape;
  switch (parts.kind) {
    case "object": {
      const members = Object.entries(parts.members).map(([name, member]) => [name, toZod(member)] as const);
      const whole = new CompiledObject({
        type: "object",
        shape: Object.fromEntries(members),
        catchall: parts.others === "refused" ? z.never() : z.unknown(),
        error: ({ code, keys = [] }) => (code === "unrecognized_keys" ? unknownMembers(keys) : shape.message),
      });
      const optional = members.map(([name]) => name).filter((name) => parts.members[name]?.parts.kind === "optional");
      return optional.length === 0 ? whole : z.pipe(z.transform(withoutNulls(optional)), whole);
    }
    case "list":
      if (parts.most !== undefined) return byReading(shape);
      return z.pipe(z.transform(stopEarly(shape)), z.array(toZod(parts.item), shape.message));
    case "optional":
      return z.optional(toZod(parts.inner));
    case "refined": {
      // `test` takes what the inner shape reads, and the inner schema hands out the same.
      const test = parts.test as (value: unknown) => boolean;
      return toZod(parts.inner).check(z.refine(test, shape.message));
    }
    default:
      return byReading(shape);
  }
}

function byReading(shape: Shape<unknown>): z.ZodMiniType {
  return z.transform((value, context) => {
    const issues: WireIssue[] = [];
    const read = shape.read(value, issues);
    return issues.length === 0 ? read : refuseAll(issues, value, context);
  });
}

/** zod goes through a whole list whatever is wrong with it, so a long one is given up here at its twentieth issue. */
function stopEarly(list: Shape<unknown>): (value: unknown, context: z.core.ParsePayload) => unknown {
  return (value, context) => {
    if (!Array.isArray(value) || value.length <= mostIssues) return value;
    const issues: WireIssue[] = [];
    list.read(value, issues);
    if (issues.length < mostIssues) return value;
    return refuseAll(issues, value, context);
  };
}

function refuseAll(issues: readonly WireIssue[], input: unknown, context: z.core.ParsePayload): never {
  for (const { path, message } of issues) context.issues.push({ code: "custom", message, path, input });
  return z.NEVER;
}

/** Takes out the members of `names` that are `null`: for an optional member that means absent. */
function withoutNulls(names: readonly string[]): (value: unknown) => unknown {
  return (value) => {
    if (!isJsonObject(value) || !names.some((name) => value[name] === null)) return value;
    return Object.fromEntries(
      Object.entries(value).filter(([name, member]) => member !== null || !names.includes(name)),
    );
  };
}

interface ObjectDefinition {
  readonly type: "object";
  readonly shape: z.core.$ZodShape;
  /** Asked about each member that the shape does not name. */
  readonly catchall: z.core.$ZodType;
  readonly error: (issue: { readonly code?: string; readonly keys?: readonly string[] }) => string;
}

const traits: readonly { init(instance: never, definition: never): void }[] = [$ZodObjectJIT, z.ZodMiniType];

/** As zod/mini's own object, but checked by code compiled for its shape where the runtime allows that: several times faster. */
const CompiledObject = $constructor("ZodMiniObject", (instance, definition) => {
  for (const trait of traits) trait.init(instance as never, definition as never);
}) as unknown as new (definition: ObjectDefinition) => z.ZodMiniType;

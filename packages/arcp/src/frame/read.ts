import { type Shape, lenientPartial } from "@imprest/core/internal";
import { type RuntimeMessages, runtimeMessages } from "@imprest/core/models/arcp";
import type { Frame } from "./frame.ts";

type Told<Type extends keyof RuntimeMessages> = Partial<RuntimeMessages[Type]>;

const readers = Object.fromEntries(
  Object.entries(runtimeMessages).map(([type, shape]) => [type, lenientPartial(shape as Shape<object>)]),
);

/**
 * The payload of a frame as a message of that type. Every member may be missing: the known runtimes differ, and one that is
 * in another form than the specification's is left out.
 */
export function payloadOf<Type extends keyof RuntimeMessages>(type: Type, { payload }: Frame): Told<Type> {
  const result = readers[type]?.safeParse(payload);
  return result?.success === true ? result.data : {};
}

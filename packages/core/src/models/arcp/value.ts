import { anything } from "../../wire/leaves.ts";
import { type OptionalShape, optional } from "../../wire/shape.ts";

/** What an agent or a tool was given or returned, where there is anything: `null` is a value, and only absence is none. */
export const value: OptionalShape<unknown> = optional(anything, (given) => given === undefined);

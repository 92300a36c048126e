import type * as z from "zod";
import * as ap2Models from "../models/ap2/index.ts";
import * as arcpModels from "../models/arcp/index.ts";
import * as aspModels from "../models/asp/index.ts";
import * as governanceModels from "../models/cycles/governance/index.ts";
import * as cyclesModels from "../models/cycles/index.ts";
import { Shape } from "../wire/shape.ts";
import { toZod } from "./to-zod.ts";

// The one entry that loads zod. Every model's schema is made of its shape, under the same name, when it is asked for.

export { toZod };

/** The zod schemas of all shapes in `Models`, under the shapes' names. */
export type Schemas<Models> = {
  readonly [
    Name in keyof Models as Models[Name] extends Shape<unknown> | Readonly<Record<string, Shape<unknown>>>
      ? Name
      : never
  ]: Models[Name] extends Shape<infer Value> ? z.ZodType<Value> : Schemas<Models[Name]>;
};

/** Cycles: `cycles.commitRequest`, and `cycles.eventDataByType["budget.funded"]`. */
export const cycles: Schemas<typeof cyclesModels & typeof governanceModels> = /* @__PURE__ */ schemasOf({
  ...cyclesModels,
  ...governanceModels,
});

/** ASP: `asp.reserveRequest`, and `asp.auditDataBySuffix.commit`. */
export const asp: Schemas<typeof aspModels> = /* @__PURE__ */ schemasOf(aspModels);

/** ARCP: `arcp.jobSubmit`, and `arcp.clientMessages["job.submit"]`. */
export const arcp: Schemas<typeof arcpModels> = /* @__PURE__ */ schemasOf(arcpModels);

/** AP2: `ap2.paymentMandate`. */
export const ap2: Schemas<typeof ap2Models> = /* @__PURE__ */ schemasOf(ap2Models);

function schemasOf<Models extends object>(models: Models): Schemas<Models> {
  const schemas = {};
  for (const [name, model] of Object.entries(models)) {
    const get = schemaGetter(model);
    if (get !== undefined) Object.defineProperty(schemas, name, { get, enumerable: true });
  }
  // Each member is the schema of the shape that has its name.
  return schemas as Schemas<Models>;
}

function schemaGetter(model: unknown): (() => unknown) | undefined {
  if (model instanceof Shape) return () => toZod(model);
  const isNamespace = typeof model === "object" && model !== null && Object.values(model)[0] instanceof Shape;
  if (!isNamespace) return undefined;
  const schemas = schemasOf(model);
  return () => schemas;
}

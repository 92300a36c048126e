import type { Shape } from "@imprest/core/internal";
import { ap2, arcp, asp, cycles } from "@imprest/core/zod";
import * as ap2Models from "@imprest/core/models/ap2";
import * as arcpModels from "@imprest/core/models/arcp";
import * as aspModels from "@imprest/core/models/asp";
import * as cyclesModels from "@imprest/core/models/cycles";
import * as governanceModels from "@imprest/core/models/cycles/governance";
import * as z from "zod";

export interface Pair {
  /** `cycles.commitRequest`. */
  readonly name: string;
  readonly shape: Shape<unknown>;
  readonly schema: z.ZodType;
}

/** Every exported schema beside the shape of the same name. */
export const pairs: readonly Pair[] = [
  ...pairsOf("cycles", cycles, { ...cyclesModels, ...governanceModels }),
  ...pairsOf("asp", asp, aspModels),
  ...pairsOf("arcp", arcp, arcpModels),
  ...pairsOf("ap2", ap2, ap2Models),
];

function pairsOf(path: string, schemas: object, shapes: object): Pair[] {
  return Object.entries(schemas).flatMap(([key, schema]: [string, unknown]): Pair[] => {
    const name = `${path}.${key}`;
    const shape: unknown = Reflect.get(shapes, key);
    if (schema instanceof z.ZodType) return [{ name, schema, shape: shape as Shape<unknown> }];
    return pairsOf(name, schema as object, shape as object);
  });
}

import type { Part } from "./part.ts";

/** The shortest plan found that still fails: things are left out, one after the other, as long as any can be. */
export async function shorten<Plan>(
  part: Part<Plan>,
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
): Promise<Plan> {
  for (const candidate of part.shorter(plan)) {
    if (await fails(candidate)) return shorten(part, candidate, fails);
  }
  return plan;
}

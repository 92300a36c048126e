import type { Chance } from "../../fuzz/mutate.ts";
import { type Trouble, calmer, troubleOf, troubledMs, without } from "../trouble.ts";

/** What becomes of a request to the payment provider. */
export type Fate =
  /** It charges, and says so. */
  | "charged"
  | "declined"
  /** It charges, and its answer is lost. */
  | "lost"
  /** It never arrives. */
  | "refused"
  /** It arrives when the body has long given up. */
  | "late"
  /** It charges, its answer is lost, and the SDK's own repeat is refused for its rate: that says nothing of the charge. */
  | "repeat refused";

/** One try of a worker to pay a mandate. */
export interface Try {
  readonly worker: number;
  readonly atMs: number;
  readonly fate: Fate;
  /** Whether the body says `charging()` and `charged()`. */
  readonly tracksCharge: boolean;
}

export interface PaymentPlan {
  readonly name: string;
  readonly tries: readonly Try[];
}

export interface PaymentsPlan extends Trouble {
  /** Whether the provider charges once for one key, whatever is asked under it. */
  readonly honoursKeys: boolean;
  /** The look-ups, counted from 1, that wrongly find nothing: an index that lags. Only where the provider honours keys. */
  readonly blind: readonly number[];
  readonly payments: readonly PaymentPlan[];
}

const fates: readonly Fate[] = [
  "charged",
  "charged",
  "charged",
  "declined",
  "lost",
  "lost",
  "refused",
  "late",
  "repeat refused",
];

export function planOf(chance: Chance): PaymentsPlan {
  const trouble = troubleOf(chance, "cycles");
  const honoursKeys = chance.below(2) === 0;
  return {
    ...trouble,
    // A mandate is paid once by whoever shares a store that stays.
    isShared: true,
    isForgetful: false,
    periodMs: undefined,
    overage: "REJECT",
    honoursKeys,
    blind: honoursKeys ? Array.from({ length: chance.below(4) }, () => 1 + chance.below(12)) : [],
    payments: Array.from({ length: 1 + chance.below(3) }, (_, at) => ({
      name: `tx-${at}`,
      tries: Array.from({ length: 1 + chance.below(5) }, () => ({
        worker: chance.below(trouble.workers),
        atMs: chance.below(chance.below(2) === 0 ? troubledMs : 2_000_000),
        fate: chance.one(fates),
        tracksCharge: chance.below(2) === 0,
      })),
    })),
  };
}

export function* shorter(plan: PaymentsPlan): Generator<PaymentsPlan> {
  for (const payments of without(plan.payments)) yield { ...plan, payments };
  yield* [...calmer(plan)].filter(({ isShared }) => isShared);
  for (const blind of without(plan.blind)) yield { ...plan, blind };
  for (const [at, payment] of plan.payments.entries()) {
    for (const tries of without(payment.tries))
      yield { ...plan, payments: plan.payments.with(at, { ...payment, tries }) };
  }
}

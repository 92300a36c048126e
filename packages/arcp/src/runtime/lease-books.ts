import type { LeaseBooks } from "../authority.ts";
import { Capability } from "../lease/capability.ts";
import { reportMetric } from "./cost.ts";
import type { Job } from "./job.ts";
import { authorize, needsModelPattern, refuseExhausted, refuseExpired } from "./operations.ts";
import type { RuntimeSettings } from "./options.ts";

/** A job's lease, as a `LeaseAuthority` keeps its books. */
export function leaseBooks(job: Job, settings: RuntimeSettings): LeaseBooks {
  const { budget } = job.terms;
  return {
    jobId: job.id,
    environment: { clock: settings.clock, logger: settings.logger },
    get isOpen() {
      return !job.isTerminal;
    },
    authorizeSpend() {
      refuseExpired(job, settings);
      refuseExhausted(budget.exhausted, Capability.costBudget);
    },
    authorize(capability, target) {
      const needsPattern = capability !== Capability.modelUse || needsModelPattern(job, settings);
      authorize(job, settings, capability, target, needsPattern);
    },
    hold(currency, units) {
      // A lease with a budget grants the currencies that it names and no other.
      if (budget.currencies.length > 0 && budget.remaining(currency) === undefined) return false;
      return budget.hold(currency, units);
    },
    unhold: (currency, units) => budget.unhold(currency, units),
    metric: async (metric) => reportMetric(job, settings, metric),
  };
}

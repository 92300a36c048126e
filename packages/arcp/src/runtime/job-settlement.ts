import {
  type Amount,
  AuthorityUnreachableError,
  DeniedError,
  openReservation,
  type Reservation,
  type ReserveRequest,
  type SpendAuthority,
} from "@imprest/core";
import { divideRoundingUp } from "@imprest/core/internal";
import { moneyScale } from "../lease/money.ts";
import { arcpFailure, messageOf } from "./failure.ts";
import type { Job } from "./job.ts";
import type { RuntimeSettings } from "./options.ts";

/**
 * Reserves a submitted job's ceiling before the job is accepted, and settles what it and its delegated jobs reported
 * when it ends. A job without a ceiling in that currency is not backed.
 * @throws ProtocolError BUDGET_EXHAUSTED when the authority denies it, INTERNAL_ERROR when there is no answer.
 */
export async function backJob(job: Job, settings: RuntimeSettings): Promise<void> {
  const { settlement } = settings.options;
  const limit = settlement && job.terms.budget.limits.get(settlement.currency);
  if (settlement === undefined || limit === undefined) return;
  const amount = (units: bigint): Amount => ({
    unit: settlement.unit.name,
    amount: divideRoundingUp(units, 10n ** BigInt(moneyScale - settlement.unit.scale)),
  });
  const { agent, principal } = job.terms;
  const request: ReserveRequest = {
    estimate: amount(limit),
    action: { kind: "arcp.job", name: agent },
    metadata: { job_id: job.id },
    ...settlement.request?.({ jobId: job.id, agent, principal }),
  };
  const reservation = await reserve(settlement.authority, request, job);
  void job.ended.then(() => settle(reservation, amount(job.terms.budget.spent(settlement.currency)), job, settings));
  const lost = arcpFailure("BUDGET_EXHAUSTED", "The reservation that backs the job's budget was lost.");
  reservation.signal.addEventListener("abort", () => job.stop(lost, "error", settings.cancelGraceMs), { once: true });
}

async function reserve(authority: SpendAuthority, request: ReserveRequest, job: Job): Promise<Reservation> {
  try {
    return await openReservation(authority, request, { idempotencyKey: `arcp-${job.id}`, leaseLoss: "cancel" });
  } catch (error) {
    if (DeniedError.isInstance(error)) {
      throw arcpFailure("BUDGET_EXHAUSTED", "The authority behind this runtime denied the job's budget.", {
        details: { reason: error.reasonCode ?? error.decision },
        cause: error,
      });
    }
    if (!AuthorityUnreachableError.isInstance(error)) throw error;
    throw arcpFailure("INTERNAL_ERROR", "The authority behind this runtime cannot be reached.", { cause: error });
  }
}

/** Commits what was spent, or gives all of it back. What cannot be settled now is the kernel's to go on with. */
async function settle(reservation: Reservation, spent: Amount, job: Job, { logger }: RuntimeSettings): Promise<void> {
  try {
    if (spent.amount > 0n) await reservation.commit(spent, undefined, { metadata: { job_id: job.id } });
    else await reservation.release("the job cost nothing");
  } catch (error) {
    logger.error("a job's cost could not be settled", { jobId: job.id, error: messageOf(error) });
  }
}

import type { BudgetBoard } from "./budget-board.ts";
import type { SourceReservation } from "./source.ts";
import type { Activity, ActivityKind, ReservationLife } from "../../pages/console-wire.ts";

export interface LifeParts {
  /** What the authority says of it, if it knows it. */
  readonly known: SourceReservation | undefined;
  /** What was seen of it, ascending. */
  readonly activities: readonly Activity[];
  readonly board: Pick<BudgetBoard, "around">;
}

const statuses: Readonly<Partial<Record<ActivityKind, string>>> = {
  reserved: "ACTIVE",
  extended: "ACTIVE",
  committed: "COMMITTED",
  released: "RELEASED",
  expired: "EXPIRED",
};

/** One reservation's life, of what the authority says and what was seen; `undefined` where there is nothing of either. */
export function lifeOf(reservationId: string, { known, activities, board }: LifeParts): ReservationLife | undefined {
  if (known === undefined && activities.length === 0) return undefined;
  const life = { ...seenOf(activities), ...known };
  const { tenant, scope, reserved } = life;
  const seen = activities.flatMap(({ traceId }) => traceId ?? []);
  return {
    ...life,
    reservationId,
    activities,
    budgets: tenant === undefined || scope === undefined ? [] : board.around(tenant, scope, reserved?.unit),
    traceIds: [...new Set([...seen, ...(known?.traceIds ?? [])])],
    evidence: known?.evidence ?? [],
  };
}

/** What follows from the activities alone. */
function seenOf(activities: readonly Activity[]): Partial<SourceReservation> {
  const [first, last] = [activities[0], activities.at(-1)];
  if (first === undefined || last === undefined) return {};
  const { tenant, scope, agent, action, reserved } = first;
  const status = statuses[last.kind];
  const isOver = status !== undefined && status !== "ACTIVE";
  const expiresAtMs = activities.findLast((one) => one.expiresAtMs !== undefined)?.expiresAtMs;
  return {
    tenant,
    scope,
    ...(status !== undefined && { status }),
    ...(agent !== undefined && { agent }),
    ...(action !== undefined && { action }),
    ...(reserved !== undefined && { reserved }),
    ...(first.kind === "reserved" && { createdAtMs: first.atMs }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(isOver && { settledAtMs: last.atMs }),
    ...(last.charged !== undefined && { charged: last.charged }),
  };
}

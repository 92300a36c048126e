// What the pages of this package are built against, and users are not: no promise of stability, in no version.
export type {
  Activity,
  ActivityKind,
  ActivityList,
  BudgetList,
  BudgetRow,
  Burn,
  ConsoleState,
  LiveEvents,
  Money,
  ReservationLife,
  Upstream,
  WaitingList,
  WaitingRow,
} from "./cli/console/wire.ts";
export type { ExplorerSetup } from "./cli/pages/explorer-setup.ts";
export { isGzip, otherForm } from "./cli/feed-form.ts";
export { conclusionJson, evidenceJson, isAccepted, isAcceptedEvidence, lineJson } from "./cli/line-report.ts";

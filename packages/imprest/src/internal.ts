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
} from "./pages/console-wire.ts";
export type { ExplorerSetup } from "./pages/explorer-setup.ts";
export { isGzip, wrongFormSentence } from "./pages/feed-form.ts";
export { conclusionJson, evidenceJson, isAccepted, isAcceptedEvidence, lineJson } from "./pages/line-report.ts";
export { bySoonest, isAmount, isUsedUp } from "./pages/soonest.ts";

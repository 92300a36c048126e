import type { AgentFunction } from "./agent-context.ts";
import type { AgentRegistry } from "./agents.ts";
import type { CredentialDesk } from "./credentials.ts";
import type { Job } from "./job.ts";
import type { Jobs } from "./jobs.ts";
import type { Journal } from "./journal.ts";
import type { RuntimeSettings } from "./options.ts";
import type { Sessions } from "./sessions.ts";

/** What the rooms of the runtime share. */
export interface RuntimeCore {
  readonly settings: RuntimeSettings;
  readonly agents: AgentRegistry;
  readonly sessions: Sessions;
  readonly jobs: Jobs;
  /** Absent without a store. */
  readonly journal: Journal | undefined;
  /** Absent without a provisioner and a store to promise revocation with. */
  readonly credentials: CredentialDesk | undefined;
  /** Starts an accepted job. */
  run(job: Job, agent: AgentFunction): void;
}

import type { ArcpTransport } from "../transport/transport.ts";
import type { AgentFunction } from "./agent-context.ts";
import type { InputSchema } from "./agent-input.ts";
import { AgentRegistry } from "./agents.ts";
import { Connection } from "./connection.ts";
import { CredentialDesk } from "./credentials.ts";
import { arcpFailure, messageOf } from "./failure.ts";
import { runJob } from "./job-runner.ts";
import { Jobs } from "./jobs.ts";
import { Journal } from "./journal.ts";
import { type ArcpRuntimeOptions, resolveSettings } from "./options.ts";
import type { UnrevocableCredential } from "./provisioner.ts";
import { restore } from "./restore.ts";
import type { RuntimeCore } from "./runtime-core.ts";
import { Sessions } from "./sessions.ts";

/** How an agent is registered. */
export interface AgentOptions<Input> {
  /** Makes this version the one that a bare name means. */
  readonly default?: boolean | undefined;
  /**
   * What an input must be: a schema of any library (`~standard`). `context.input` is what it returns; another input is refused
   * with INVALID_REQUEST before the job is accepted, by JSON pointers.
   */
  readonly input?: InputSchema<Input> | undefined;
}

/** An ARCP 1.1 runtime for tests and single machines; without a `store` only revocations outlive the process. */
export interface ArcpRuntime {
  /**
   * Registers an agent under `name` or `name@version`.
   * @throws ConfigurationError for a name that does not fit ARCP §7.5.
   */
  agent<Input = unknown>(reference: string, run: AgentFunction<Input>, options?: AgentOptions<Input>): ArcpRuntime;
  /** Serves one connection until it ends. */
  accept(transport: ArcpTransport): void;
  /** Credentials that could not be revoked, for operators. */
  unrevocable(): Promise<UnrevocableCredential[]>;
  /** Settles once the store was read, and revocations that an earlier process left open were tried; never rejects. */
  readonly recovered: Promise<void>;
  /** Settles once all that has happened so far is in the store; never rejects. */
  written(): Promise<void>;
  /** How much there is at the moment. */
  readonly counts: { readonly connections: number; readonly sessions: number; readonly jobs: number };
  /** Stops every job, says goodbye to every client and ends every session. */
  close(reason?: string): void;
}

/**
 * @throws ConfigurationError for an option that cannot be used.
 * @example
 * const runtime = createArcpRuntime({ authenticate: (token) => (token === secret ? "alice" : undefined) });
 * runtime.agent("echo@1.0.0", ({ input }) => input);
 * const server = await serveWebSocket(runtime, { port: 7_879 });
 */
export function createArcpRuntime(options: ArcpRuntimeOptions): ArcpRuntime {
  const settings = resolveSettings(options);
  const { store } = options;
  const journal = store === undefined ? undefined : new Journal(store, settings);
  const core: RuntimeCore = {
    settings,
    agents: new AgentRegistry(),
    sessions: new Sessions(settings, journal),
    jobs: new Jobs(settings, journal),
    journal,
    credentials: options.credentials === undefined ? undefined : new CredentialDesk(settings, options.credentials),
    run: (job, agent) => runJob(core, job, agent),
  };
  const connections = new Set<Connection>();
  const restored = store === undefined ? undefined : restore(core, store);
  const recovered = recover(core, restored);
  let closed = false;
  const serve = (transport: ArcpTransport): void => {
    if (closed) transport.close(1001, "The runtime is closed.");
    else connections.add(new Connection(transport, core, (ended) => connections.delete(ended)));
  };
  const runtime: ArcpRuntime = {
    recovered,
    agent(reference, run, { default: isDefault = false, input } = {}) {
      // What the schema returned is what the function takes.
      core.agents.register(reference, { run: run as AgentFunction, input }, isDefault);
      return runtime;
    },
    accept(transport) {
      if (restored === undefined) serve(transport);
      else restored.then(() => serve(transport)).catch(() => transport.close(1011, "The job store cannot be read."));
    },
    written: async () => {
      await journal?.written();
    },
    unrevocable: async () => (await core.credentials?.unrevocable()) ?? [],
    get counts() {
      return { connections: connections.size, sessions: core.sessions.size, jobs: core.jobs.size };
    },
    close(reason = "The runtime is closing.") {
      if (closed) return;
      closed = true;
      journal?.close();
      core.jobs.stopAll((job) => job.stop(arcpFailure("CANCELLED", reason), "cancelled", 0));
      for (const connection of connections) {
        connection.session?.send("session.bye", { reason });
        connection.close(reason);
      }
      core.sessions.endAll();
      core.credentials?.close();
    },
  };
  return runtime;
}

async function recover({ credentials, settings }: RuntimeCore, restored: Promise<void> | undefined): Promise<void> {
  try {
    await restored;
  } catch (error) {
    settings.logger.error("the job store cannot be read; nobody is served", { error: messageOf(error) });
  }
  try {
    await credentials?.recover();
  } catch (error) {
    settings.logger.error("open revocations could not be read", { error: messageOf(error) });
  }
}

import { ConfigurationError } from "@imprest/core";
import type { AgentEntry } from "@imprest/core/models/arcp";
import { formatAgentReference, parseAgentReference } from "../lease/agent-reference.ts";
import type { AgentFunction } from "./agent-context.ts";
import type { InputSchema } from "./agent-input.ts";
import { arcpFailure } from "./failure.ts";

/** An agent and the schema that its inputs are read by. */
interface AgentProgram {
  readonly run: AgentFunction;
  readonly input: InputSchema<unknown> | undefined;
}

interface RegisteredAgent {
  unversioned?: AgentProgram;
  readonly versions: Map<string, AgentProgram>;
  defaultVersion?: string;
}

/** An agent as a submit was resolved to (ARCP §7.5). */
export interface ResolvedAgent extends AgentProgram {
  /** `name@version`, or the bare name of an agent without versions. */
  readonly reference: string;
  readonly name: string;
}

/** The agents by name and version. */
export class AgentRegistry {
  readonly #agents = new Map<string, RegisteredAgent>();

  /** @throws ConfigurationError for a reference that does not fit ARCP §7.5. */
  register(reference: string, program: AgentProgram, isDefault: boolean): void {
    const parsed = parseAgentReference(reference);
    if (parsed === undefined)
      throw new ConfigurationError(`"${reference}" is no agent name such as "echo" or "echo@1.0.0".`);
    const agent: RegisteredAgent = this.#agents.get(parsed.name) ?? { versions: new Map() };
    this.#agents.set(parsed.name, agent);
    if (parsed.version === undefined) agent.unversioned = program;
    else {
      agent.versions.set(parsed.version, program);
      if (isDefault) agent.defaultVersion = parsed.version;
    }
  }

  /** @throws ProtocolError INVALID_REQUEST, AGENT_NOT_AVAILABLE or AGENT_VERSION_NOT_AVAILABLE. */
  resolve(reference: string): ResolvedAgent {
    const parsed = parseAgentReference(reference);
    if (parsed === undefined) throw arcpFailure("INVALID_REQUEST", `Not an agent reference: name or name@version.`);
    const agent = this.#agents.get(parsed.name);
    if (agent === undefined) throw arcpFailure("AGENT_NOT_AVAILABLE", `Agent "${reference}" is not registered.`);
    const version = parsed.version ?? this.#defaultVersion(agent);
    const program = version === undefined ? agent.unversioned : agent.versions.get(version);
    if (program === undefined) {
      throw arcpFailure("AGENT_VERSION_NOT_AVAILABLE", `Agent "${reference}" is not registered in that version.`);
    }
    return { reference: formatAgentReference({ name: parsed.name, version }), name: parsed.name, ...program };
  }

  /** What `session.welcome` lists: bare names where versions are not negotiated. */
  inventory(versioned: boolean): (AgentEntry | string)[] {
    return [...this.#agents].map(([name, agent]) => {
      if (!versioned) return name;
      const chosen = this.#defaultVersion(agent);
      return { name, versions: [...agent.versions.keys()], ...(chosen === undefined ? {} : { default: chosen }) };
    });
  }

  /** Without a chosen default and without an unversioned agent the version registered last stands in. */
  #defaultVersion(agent: RegisteredAgent): string | undefined {
    return agent.defaultVersion ?? (agent.unversioned ? undefined : [...agent.versions.keys()].at(-1));
  }
}

/** An agent as a submit names it (ARCP §7.5). */
export interface AgentReference {
  readonly name: string;
  /** Absent in a bare name, which resolves to the runtime's default. */
  readonly version?: string | undefined;
}

const grammar = /^([a-z0-9][a-z0-9._-]*)(?:@([a-zA-Z0-9.+_-]+))?$/;

/** Reads `name` or `name@version`; `undefined` for anything else, and for more than 256 characters. */
export function parseAgentReference(text: string): AgentReference | undefined {
  const match = text.length <= 256 ? grammar.exec(text) : null;
  if (match === null) return undefined;
  const [, name = "", version] = match;
  return version === undefined ? { name } : { name, version };
}

/** `name@version`, or the name alone (ARCP §7.1). */
export function formatAgentReference({ name, version }: AgentReference): string {
  return version === undefined ? name : `${name}@${version}`;
}

import { boundedText, jsonObject, loose, patternedText } from "../../wire/leaves.ts";
import { type Shape, closedObject, object, optional, record, refined, tolerant } from "../../wire/shape.ts";

/** The levels of a budget hierarchy, outermost first (Cycles §Subject). */
export const subjectLevels = ["tenant", "workspace", "app", "workflow", "agent", "toolset"] as const;

/** A level of a subject, the widest first (Cycles §Subject). */
export type SubjectLevel = (typeof subjectLevels)[number];

/** Who spends (Cycles §Subject). At least one level is named; dimensions alone are no subject. */
export interface Subject {
  readonly tenant?: string | undefined;
  readonly workspace?: string | undefined;
  readonly app?: string | undefined;
  readonly workflow?: string | undefined;
  readonly agent?: string | undefined;
  readonly toolset?: string | undefined;
  /** Other taxonomies, at most 16: cost centre, project, run. */
  readonly dimensions?: Readonly<Record<string, string>> | undefined;
}

/** `:` and `/` delimit scopes, so a level cannot hold them (Cycles §Subject, CHARSET). */
const level = patternedText(/^[a-zA-Z0-9_.-]+$/, 128, "must be 1 to 128 characters out of letters, digits, and _ . -");

const dimensions = record(
  patternedText(/^[a-z0-9_.-]+$/, 256, "must have a name out of a-z, 0-9, and _ . -"),
  boundedText(256),
  16,
);

export const requestSubject: Shape<Subject> = refined(
  closedObject({
    tenant: optional(level),
    workspace: optional(level),
    app: optional(level),
    workflow: optional(level),
    agent: optional(level),
    toolset: optional(level),
    dimensions: optional(dimensions),
  }),
  (subject: Subject) => subjectLevels.some((name) => subject[name] !== undefined),
  `must name at least one of ${subjectLevels.join(", ")}`,
);

const anyLevel = optional(loose(level));

/** As the authority returns it. */
export const subject: Shape<Subject> = object({
  tenant: anyLevel,
  workspace: anyLevel,
  app: anyLevel,
  workflow: anyLevel,
  agent: anyLevel,
  toolset: anyLevel,
  dimensions: optional(tolerant(dimensions, jsonObject as Shape<Record<string, string>>)),
});

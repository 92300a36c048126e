/** A piece of a store that could not be read. Nothing of it is lost: it was moved to `path`. */
export interface QuarantinedRecord {
  /** The file that now holds what was found. */
  readonly path: string;
  /** What is wrong with it; never its content. */
  readonly reason: string;
}

/** Told of each quarantined record. */
export type OnQuarantine = (record: QuarantinedRecord) => void;

/** The default: a warning of the process, because a record nobody reads may be money nobody books. */
export function warnOfQuarantine({ path, reason }: QuarantinedRecord): void {
  process.emitWarning(`A record could not be read (${reason}). It was moved to ${path}; look at it by hand.`, {
    type: "ImprestQuarantine",
  });
}

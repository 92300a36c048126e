/** What tells the dialects apart without running a job; `undefined` where the runtime gave no occasion to see it. */
export interface Traits {
  /** `session.welcome` names the session in its payload, not only on the envelope. */
  readonly welcomeNamesSession: boolean;
  /** `session.welcome` says when. */
  readonly welcomeSaysWhen: boolean;
  /** Which frame refuses a subscription to a job that does not exist. */
  readonly refusal: string | undefined;
  /** That refusal names the request. */
  readonly refusalNamesRequest: boolean | undefined;
}

/** A known way of speaking ARCP. */
export interface DialectProfile {
  readonly name: string;
  /** What it means for a user of this command. */
  readonly note?: string;
  readonly traits: Partial<Traits>;
}

const profiles: readonly DialectProfile[] = [
  {
    name: "the specification's",
    traits: {
      welcomeNamesSession: true,
      welcomeSaysWhen: false,
      refusal: "session.error",
      refusalNamesRequest: true,
    },
  },
  {
    name: "the TypeScript reference's",
    note: "Its jobs end with their connection: submit with --follow.",
    traits: { welcomeNamesSession: false, welcomeSaysWhen: false, refusal: "job.error" },
  },
  {
    name: "the Python reference's",
    note: "It does not answer a cancel by another session than the submitter's.",
    traits: {
      welcomeNamesSession: true,
      welcomeSaysWhen: true,
      refusal: "session.error",
      refusalNamesRequest: false,
    },
  },
  {
    name: "the Go reference's",
    note: "It forgets a session that is closed.",
    traits: {
      welcomeNamesSession: false,
      welcomeSaysWhen: false,
      refusal: "session.error",
      refusalNamesRequest: true,
    },
  },
];

/** The profiles that contradict nothing that was seen; none for a dialect of its own. */
export function matchDialects(seen: Traits): readonly DialectProfile[] {
  return profiles.filter(({ traits }) =>
    Object.entries(traits).every(([name, value]) => {
      const found = seen[name as keyof Traits];
      return found === undefined || found === value;
    }),
  );
}

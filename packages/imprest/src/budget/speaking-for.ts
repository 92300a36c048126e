import { type SpendAuthority, type Subject, ValidationError } from "@imprest/core";
import { subjectLevels } from "@imprest/core/internal";

/** What is asked of an authority before anything is spent, each with a subject in its first argument. */
const questions: ReadonlySet<string | symbol> = new Set<keyof SpendAuthority>(["reserve", "decide", "balance"]);

/**
 * An authority as one part of an application asks it: a request gets the levels of `subject`, and one that names another part
 * is refused, because it would not be bound by this part's limit. It is the same authority in everything else, its queue
 * included.
 * @param ready what a question about a subject waits for. Where it rejects, nothing starts.
 */
export function speakingFor<Authority extends SpendAuthority>(
  authority: Authority,
  subject: Subject,
  ready?: (subject: Subject) => Promise<void>,
): Authority {
  return new Proxy(authority, {
    get(target, name) {
      if (name === "speaksFor") return filledIn(target.speaksFor, subject);
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      // Called on the authority itself: its private members are not the proxy's.
      if (!questions.has(name)) return member.bind(target) as unknown;
      return async (asked: { readonly subject?: Subject | undefined }, options: unknown): Promise<unknown> => {
        const whose = within(subject, asked.subject);
        await ready?.(whose);
        return member.call(target, { ...asked, subject: whose }, options) as unknown;
      };
    },
  });
}

/** @throws ValidationError for a request that names another part than `subject`; case does not tell names apart. */
function within(subject: Subject, asked: Subject = {}): Subject {
  const fixed = subjectLevels.filter((level) => subject[level] != null);
  const other = fixed.find(
    (level) => (asked[level] ?? subject[level])?.toLowerCase() !== subject[level]?.toLowerCase(),
  );
  if (other !== undefined) {
    const message = `is ${subject[other]} in this part of the budget, and the request names ${asked[other]}`;
    throw new ValidationError("request", [{ pointer: `/subject/${other}`, message }]);
  }
  const dimensions = subject.dimensions && { dimensions: { ...asked.dimensions, ...subject.dimensions } };
  return { ...asked, ...Object.fromEntries(fixed.map((level) => [level, subject[level]])), ...dimensions };
}

function filledIn(own: Subject | undefined, more: Subject): Subject | undefined {
  const whole = { ...own, ...more };
  return Object.keys(whole).length === 0 ? undefined : whole;
}

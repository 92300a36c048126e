import type { SpendAuthority, Subject } from "@imprest/core";

/** What is asked of an authority before anything is spent, each with a subject in its first argument. */
const questions: ReadonlySet<string | symbol> = new Set<keyof SpendAuthority>(["reserve", "decide", "balance"]);

/**
 * An authority as one part of an application asks it: a request that leaves a level of the subject open gets the level of
 * `subject`. It is the same authority in everything else, its queue included.
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
        const whose = { ...subject, ...asked.subject };
        await ready?.(whose);
        return member.call(target, { ...asked, subject: whose }, options) as unknown;
      };
    },
  });
}

function filledIn(own: Subject | undefined, more: Subject): Subject | undefined {
  const whole = { ...own, ...more };
  return Object.keys(whole).length === 0 ? undefined : whole;
}

import type { AuditGroup } from "./audit.ts";
import type { EmbeddedAuthorityOptions } from "./embedded-options.ts";
import type { EventGroup } from "./events.ts";
import type { EvidenceGroup } from "./evidence.ts";
import type { WebhookGroup } from "./webhooks.ts";

/** What each option brings. */
interface Brought {
  readonly governance: {
    readonly webhooks: WebhookGroup;
    readonly events: EventGroup;
  };
  readonly evidence: { readonly evidence: EvidenceGroup };
  readonly asp: { readonly audit: AuditGroup };
}

/** What an option brings: there where it is given, maybe there where it may be given, and absent otherwise. */
type BroughtBy<Options, Name extends keyof Brought> = Options extends { readonly [Given in Name]: object }
  ? Brought[Name]
  : Name extends keyof Options
    ? Partial<Brought[Name]>
    : unknown;

/** The groups of methods that an authority has because of its options. */
export type Configured<Options> = BroughtBy<Options, "governance"> &
  BroughtBy<Options, "evidence"> &
  BroughtBy<Options, "asp">;

/** Refuses members that are no option, as an object literal is refused where its type is not inferred. */
type Only<Given, Known> = [Exclude<keyof Given, keyof Known>] extends [never]
  ? unknown
  : { readonly [Name in Exclude<keyof Given, keyof Known>]: never };

type OnlyIn<Options, Name extends keyof Brought> = Options extends {
  readonly [Given in Name]: infer Value extends object;
}
  ? { readonly [Given in Name]: Only<Value, NonNullable<EmbeddedAuthorityOptions[Name]>> }
  : unknown;

/** Options that bring no group. */
export type BareOptions = Omit<EmbeddedAuthorityOptions, keyof Brought>;

/** Options with callbacks in them. Named apart, because a callback's parameters are not inferred from `Options` itself. */
type WithCallbacks = Pick<
  EmbeddedAuthorityOptions,
  "asp" | "clock" | "governance" | "logger" | "onEvent" | "onFact" | "policy" | "store"
>;

/** Options as they are given, without a member that nothing reads. */
export type KnownOptions<Options> = WithCallbacks &
  Options &
  Only<Options, EmbeddedAuthorityOptions> &
  OnlyIn<Options, "governance"> &
  OnlyIn<Options, "evidence"> &
  OnlyIn<Options, "asp">;

import type { SettlingAuthority, SpendAuthority } from "./authority.ts";

/** An authority, or anything that has one: a client. */
export type AuthoritySource<Authority extends SettlingAuthority = SpendAuthority> =
  | Authority
  | { readonly authority: Authority };

/** The authority that a helper works with: for one client always the same, so that its settlements share one queue. */
export function authorityOf<Authority extends SettlingAuthority>(source: AuthoritySource<Authority>): Authority {
  return "protocol" in source ? source : source.authority;
}

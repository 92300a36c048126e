// What the front door needs of this package and users do not: no promise of stability, in no version.
export { LedgerAuthority } from "./facade/ledger-authority.ts";

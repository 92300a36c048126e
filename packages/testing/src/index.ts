export {
  type BrokenTransportOptions,
  type TransportFault,
  type TransportFaultOf,
  brokenTransport,
  transportTo,
} from "./broken-transport.ts";
export { type FakeAuthority, type FakeAuthorityOptions, committed, fakeAuthority } from "./fake-authority.ts";
export { type ManualClock, createManualClock } from "./manual-clock.ts";
export type { ServedAuthority } from "./served-authority.ts";
export {
  type TestAuthority,
  type TestAuthorityOptions,
  type TestBooks,
  type TestConnection,
  openTestAuthority,
} from "./test-authority.ts";

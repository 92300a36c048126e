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

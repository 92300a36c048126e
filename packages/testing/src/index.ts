export { type FakeAuthority, type FakeAuthorityOptions, committed, fakeAuthority } from "./fake-authority.ts";
export { type ManualClock, createManualClock } from "./manual-clock.ts";

import { ConnectionError, settlementQueue, withReservation } from "@imprest/core";
import { fakeAuthority } from "@imprest/testing";
import { expect, it, vi } from "vitest";
import { cents, request } from "../reservation/fixtures.ts";

it("two copies of the library see one queue of an authority", async () => {
  const authority = fakeAuthority({ settle: [() => ({ retry: new ConnectionError("reset") })] });
  await withReservation(authority, request, () => 1, { spend: () => cents(1) });
  vi.resetModules();
  const copy = await import("@imprest/core");
  expect(copy.settlementQueue).not.toBe(settlementQueue);
  expect(copy.settlementQueue(authority).pending).toBe(1);
  await copy.withReservation(authority, request, () => 1, { spend: () => cents(2) });
  expect(settlementQueue(authority).pending).toBe(2);
  await copy.settlementQueue(authority).close({ timeoutMs: 0 });
  expect(authority.clock.timers).toBe(0);
});

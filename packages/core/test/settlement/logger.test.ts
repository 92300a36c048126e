import { ConnectionError, ProtocolError, type Settlement, silentLogger, withReservation } from "@imprest/core";
import { type FakeAuthorityOptions, committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it, vi } from "vitest";
import { cents, request } from "../reservation/fixtures.ts";

function logged(options: FakeAuthorityOptions) {
  const lines: string[] = [];
  const note =
    (level: string) =>
    (message: string): void =>
      void lines.push(`${level}: ${message}`);
  const logger = { ...silentLogger, warn: note("warn"), error: note("error") };
  const base = fakeAuthority(options);
  return { lines, authority: { ...base, environment: { ...base.environment, logger, observer: undefined } }, base };
}

describe("without an observer, the logger gets", () => {
  it("a dead letter", async () => {
    const { authority, lines } = logged({});
    await withReservation(authority, request, () => 1).catch(() => {});
    expect(lines).toEqual(["error: a spend is not in the books of its authority and waits as a dead letter"]);
  });

  it("a call that runs without a reservation", async () => {
    const refuse = (): never => {
      throw new ConnectionError("refused");
    };
    const { authority, lines } = logged({ reserve: [refuse] });
    await withReservation(authority, request, () => 1, { failOpen: { reason: "x" }, spend: () => cents(1) });
    expect(lines[0]).toBe("warn: a guarded call runs without a reservation (failOpen)");
  });

  it("a key that is refused, once", async () => {
    const refused = new ProtocolError("no", { protocol: "fake", status: 401, errorCode: "UNAUTHORIZED" });
    const { authority, lines, base } = logged({ settle: [() => ({ retry: refused })] });
    await withReservation(authority, request, () => 1, { spend: () => cents(1) });
    await base.clock.advance(600_000);
    expect(lines).toEqual(["warn: a settlement waits because the key was refused"]);
  });

  it("a settlement that has waited for a minute, and of none that waits for less", async () => {
    const lost = () => ({ retry: new ConnectionError("reset") });
    const quick = logged({ settle: [lost, committed] });
    const onSettlement = vi.fn((_settlement: Settlement) => {});
    await withReservation(quick.authority, request, () => 1, { spend: () => cents(1), onSettlement });
    await quick.base.clock.advance(50_000);
    expect(onSettlement.mock.lastCall?.[0].status).toBe("committed");
    expect(quick.lines).toEqual([]);
    const slow = logged({ settle: [lost] });
    await withReservation(slow.authority, request, () => 1, { spend: () => cents(1) });
    await slow.base.clock.advance(600_000);
    expect(slow.lines).toEqual(["warn: a settlement has waited for a minute"]);
  });

  it("a lease that can no longer be kept alive", async () => {
    const lease = { ttlMs: 30_000, remainingMs: 30_000 };
    const gone = (): never => {
      throw new ProtocolError("gone", { protocol: "fake", status: 410, errorCode: "EXPIRED" });
    };
    const { authority, lines, base } = logged({ lease, extend: [gone] });
    const run = withReservation(authority, request, () => base.clock.advance(60_000), { spend: () => cents(1) });
    await run;
    expect(lines).toEqual(["warn: a lease can no longer be kept alive"]);
  });
});

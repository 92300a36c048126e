import {
  ConfigurationError,
  type Grant,
  SettlementError,
  ValidationError,
  adopt,
  memoryRecordStore,
  openReservation,
  settlementQueue,
  usd,
  withReservation,
} from "@imprest/core";
import { committed, fakeAuthority } from "@imprest/testing";
import { describe, expect, it } from "vitest";
import { cents, committedAmounts, request } from "./fixtures.ts";

const wire = { note: "as it came", big: 2n ** 60n };
const granted = (): Partial<Grant> => ({ wire });

describe("a reservation that another process settles", () => {
  it("is exported as text, not settled here, and committed under its own key there", async () => {
    const here = fakeAuthority({ reserve: [granted] });
    let exported = "";
    const { value, settlement } = await withReservation(here, request, (reservation) => {
      exported = reservation.export();
      return "batch-1";
    });
    expect([value, settlement.status]).toEqual(["batch-1", "exported"]);
    expect(here.calls).toEqual(["reserve"]);
    expect(settlementQueue(here).pending).toBe(0);

    const there = fakeAuthority();
    const adopted = await adopt(there, exported);
    expect(adopted).toMatchObject({ id: "rsv_1", reserved: request.estimate, idempotencyKey: here.keys[0] });
    await adopted.commit(cents(1));
    expect(committedAmounts(there)).toEqual(['{"amount":1000000,"basis":"actual"}']);
    expect(there.settled[0]?.idempotencyKey).toBe(here.keys[0]);
  });

  it("keeps amounts exact, beyond what a float can hold", async () => {
    const here = fakeAuthority();
    const large = { ...request, estimate: usd(2n ** 50n) };
    const reservation = await openReservation(here, large);
    const adopted = await adopt(fakeAuthority(), reservation.export());
    expect(adopted.reserved).toEqual(large.estimate);
  });

  it("has its lease extended at once and kept alive by whoever adopted it, and no longer by who exported it", async () => {
    const lease = { ttlMs: 30_000, remainingMs: 30_000 };
    const here = fakeAuthority({ lease, extend: [() => lease] });
    const exported = (await openReservation(here, request)).export();
    expect(here.clock.timers).toBe(0);
    const there = fakeAuthority({ extend: [() => lease] });
    const adopted = await adopt(there, exported);
    await there.clock.advance(60_000);
    expect(there.calls.filter((call) => call === "extend").length).toBeGreaterThan(1);
    await adopted.commit(cents(1));
    expect(there.clock.timers).toBe(0);
    expect(here.calls).toEqual(["reserve"]);
  });

  it("adopted twice with one amount settles once; a second, different amount is a dead letter", async () => {
    const exported = (await openReservation(fakeAuthority(), request)).export();
    const records = memoryRecordStore();
    const bodies = new Set<string>();
    // As an authority that knows an idempotency key: the same bytes are the same settlement, others are a conflict.
    const settle = [
      (instruction: Parameters<typeof committed>[0]) => {
        if (bodies.size > 0 && !bodies.has(instruction.body)) return { rejected: new Error("key used before") };
        bodies.add(instruction.body);
        return committed(instruction);
      },
    ];
    const workers = [fakeAuthority({ records, settle }), fakeAuthority({ records, settle })] as const;
    for (const worker of workers) {
      await expect((await adopt(worker, exported)).commit(cents(1))).resolves.toMatchObject({ status: "committed" });
    }
    expect(bodies.size).toBe(1);
    const third = fakeAuthority({ records, settle });
    await expect((await adopt(third, exported)).commit(cents(2))).resolves.toMatchObject({ status: "rejected" });
    const letters = [];
    for await (const { spent } of settlementQueue(third).deadLetters.list()) letters.push(spent);
    expect(letters).toEqual([cents(2)]);
  });

  it("cannot be settled by who exported it: what it states afterwards is a dead letter", async () => {
    const here = fakeAuthority();
    const reservation = await openReservation(here, request);
    reservation.export();
    expect(() => reservation.spend(cents(1))).toThrow(SettlementError);
    await expect(reservation.release()).rejects.toThrow(SettlementError);
    expect(() => reservation.export()).toThrow(SettlementError);
    expect(here.calls).toEqual(["reserve"]);
    expect(here.named("dead-letter")).toHaveLength(1);
  });

  it("cannot be exported where no authority keeps it", async () => {
    const authority = fakeAuthority();
    const parent = await openReservation(authority, request);
    const child = await openReservation(authority, { ...request, estimate: cents(1) }, { parent, nest: "within" });
    expect(() => child.export()).toThrow(ConfigurationError);
  });

  it("is refused by an authority of another server or principal", async () => {
    const exported = (await openReservation(fakeAuthority(), request)).export();
    await expect(adopt({ ...fakeAuthority(), target: "elsewhere" }, exported)).rejects.toThrow(ConfigurationError);
  });

  it.each([
    ["no JSON", "{"],
    ["another version", '{"version":2}'],
    ["no grant", '{"version":1}'],
    ["a list", "[]"],
    ["null", "null"],
  ])("a text that is %s is refused by name", async (_what, text) => {
    await expect(adopt(fakeAuthority(), text)).rejects.toThrow(ValidationError);
  });

  it.each([
    ["/grant/reserved", '"amount":"2000000"', '"amount":2000000.5'],
    ["/grant/decision", '"decision":"ALLOW"', '"decision":"DENY"'],
    ["/grant/id", '"id":"rsv_1"', '"id":""'],
    ["/target", '"target":"fake:test"', '"target":7'],
  ])("a damaged %s is refused", async (pointer, from, to) => {
    const exported = (await openReservation(fakeAuthority(), request)).export();
    expect(exported).toContain(from);
    const issues = [expect.objectContaining({ pointer })];
    await expect(adopt(fakeAuthority(), exported.replace(from, to))).rejects.toMatchObject({ issues });
  });
});

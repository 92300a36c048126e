import { ConnectionError, settlementQueue, withReservation } from "@imprest/core";
import { fakeAuthority } from "@imprest/testing";
import { expect, it } from "vitest";
import { cents, request } from "../reservation/fixtures.ts";

it("a copy of an authority has a queue of its own", async () => {
  const authority = fakeAuthority({ settle: [() => ({ retry: new ConnectionError("reset") })] });
  await withReservation(authority, request, () => 1, { spend: () => cents(1) });
  expect(settlementQueue({ ...authority }).pending).toBe(0);
});

it("an authority whose own books say what is to be settled has no record here, and its dead letters are kept", async () => {
  const [refused, retried] = [new Error("refused"), new Error("reset")];
  const authority = Object.assign(
    fakeAuthority({ settle: [() => ({ retry: retried }), () => ({ rejected: refused })] }),
    { recordsSettlements: true },
  );
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of authority.records.scan("")) found.push(key);
    return found;
  };
  const { settlement } = await withReservation(authority, request, () => 1, { spend: () => cents(1) });
  expect(settlement.status).toBe("pending");
  expect(await keys()).toEqual([]);
  expect(await settlementQueue(authority).recover()).toEqual({ resumed: 0, malformed: 0 });
  await authority.clock.advance(1_000);
  expect(await keys()).toEqual([expect.stringMatching(/^dead-letter:/)]);
});

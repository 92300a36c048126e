import { ConnectionError, adopt, openReservation, withReservation } from "@imprest/core";
import { fakeAuthority } from "@imprest/testing";
import { expect, it, vi } from "vitest";
import { cents, request } from "./fixtures.ts";

const subject = { tenant: "acme", agent: "writer" };

it("an observer's events are enough to draw a span: who, what, from when, how long, within what", async () => {
  const authority = fakeAuthority();
  await authority.clock.advance(7_000);
  const parent = await openReservation(authority, { ...request, estimate: cents(9) });
  const startedAtMs = authority.clock.now();
  await withReservation(
    authority,
    { ...request, subject },
    async (reservation) => {
      await authority.clock.advance(1_500);
      reservation.spend(cents(1), { inputTokens: 3, modelVersion: "m-1" });
    },
    { parent },
  );
  expect(authority.named("decision").at(-1)).toMatchObject({ action: request.action, subject });
  expect(authority.named("settlement")).toMatchObject([
    {
      settlement: { status: "committed" },
      call: {
        action: request.action,
        subject,
        metrics: { inputTokens: 3, modelVersion: "m-1" },
        startedAtMs,
        durationMs: 1_500,
        parentReservationId: parent.id,
      },
    },
  ]);
});

it("no call is described where another process made it, or nobody did", async () => {
  const authority = fakeAuthority();
  const adopted = await adopt(authority, (await openReservation(fakeAuthority(), request)).export());
  await adopted.commit(cents(1));
  const capped = fakeAuthority({ caps: [{ name: "max_tokens", value: 5 }] });
  await withReservation(capped, request, () => 1).catch(() => {});
  await vi.waitFor(() => expect(capped.named("settlement")).toHaveLength(1));
  for (const { call } of [...authority.named("settlement"), ...capped.named("settlement")])
    expect(call).toBeUndefined();
});

it("a bypass names the reservation that it is nested in", async () => {
  const parent = await openReservation(fakeAuthority(), request);
  const refuse = (): never => {
    throw new ConnectionError("refused");
  };
  const authority = fakeAuthority({ reserve: [refuse] });
  const options = { parent, failOpen: { reason: "test" }, spend: () => cents(1) };
  await withReservation(authority, request, () => 1, options);
  expect(authority.named("settlement")).toMatchObject([{ call: { parentReservationId: parent.id } }]);
});

import { withReservation } from "@imprest/core";
import { createDeferred } from "@imprest/core/internal";
import { fakeAuthority } from "@imprest/testing";
import { expect, it, vi } from "vitest";
import { request } from "./fixtures.ts";

it.each(Array.from({ length: 12 }, (_, steps) => steps))(
  "a body never starts under a signal that was aborted %i steps after the grant",
  async (steps) => {
    const controller = new AbortController();
    const answer = createDeferred<void>();
    const authority = fakeAuthority();
    const reserve = authority.reserve.bind(authority);
    Object.assign(authority, {
      reserve: async (...asked: Parameters<typeof reserve>) => (await answer.promise, reserve(...asked)),
    });
    const seen: boolean[] = [];
    const running = withReservation(
      authority,
      request,
      ({ unspent }) => {
        seen.push(controller.signal.aborted);
        unspent();
      },
      { signal: controller.signal },
    ).catch(() => {});
    await authority.clock.advance(0);
    let after = answer.promise;
    for (let step = 0; step < steps; step += 1) after = after.then(() => {});
    const aborting = after.then(() => controller.abort());
    answer.resolve();
    await Promise.all([running, aborting]);
    expect(seen).not.toContain(true);
    await vi.waitFor(() => expect(authority.calls).toEqual(["reserve", "release"]));
  },
);

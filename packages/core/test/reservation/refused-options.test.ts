import {
  type CallTerms,
  ConfigurationError,
  guard,
  guardStream,
  openReservation,
  withReservation,
  withReservationStream,
} from "@imprest/core";
import { describe, expect, it, vi } from "vitest";
import { type FakeAuthority, fakeAuthority } from "@imprest/testing";
import { request } from "./fixtures.ts";

/** An authority that takes no `failOpen`. */
function strict(): FakeAuthority {
  const checkOptions = ({ failOpen }: CallTerms): void => {
    if (failOpen !== undefined) throw new ConfigurationError("failOpen is not for this authority");
  };
  return Object.assign(fakeAuthority(), { checkOptions });
}

const open = { failOpen: { reason: "drill" } };

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _chunk of stream);
}

describe("options that the authority refuses", () => {
  it.each<[string, (authority: FakeAuthority, body: () => never) => Promise<unknown>]>([
    ["openReservation", (authority) => openReservation(authority, request, open)],
    ["withReservation", (authority, body) => withReservation(authority, request, body, open)],
    ["withReservationStream", (authority, body) => readAll(withReservationStream(authority, request, body, open))],
    ["guard, options by call", (authority, body) => guard(authority, request, body, () => open)()],
    ["guardStream, options by call", (authority, body) => readAll(guardStream(authority, request, body, () => open)())],
  ])("%s: reject before anything is sent, and the body never runs", async (_helper, call) => {
    const authority = strict();
    const body = vi.fn<() => never>();
    await expect(call(authority, body)).rejects.toThrow(ConfigurationError);
    expect(body).not.toHaveBeenCalled();
    expect(authority.calls).toEqual([]);
  });

  it("a part of a parent's reservation is no way around them", async () => {
    const authority = strict();
    const parent = await openReservation(authority, request);
    const within = { ...open, parent, nest: "within" } as const;
    await expect(openReservation(authority, request, within)).rejects.toThrow(ConfigurationError);
    await parent.release("test");
  });

  it("guard and guardStream refuse options that are the same for every call as they are made", () => {
    const body = vi.fn<() => never>();
    expect(() => guard(strict(), request, body, open)).toThrow(ConfigurationError);
    expect(() => guardStream(strict(), request, body, open)).toThrow(ConfigurationError);
  });
});

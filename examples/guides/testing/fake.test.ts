// #region fake
import { committed, fakeAuthority } from "@imprest/testing";
import { expect, it } from "vitest";
import { answer } from "./program.ts";

it("answers though the commit is not acknowledged, and commits again under the same key", async () => {
  const authority = fakeAuthority({ settle: [() => ({ retry: new Error("no answer") }), committed] });
  await authority.clock.drive(answer(authority));
  await authority.clock.advance(60_000);
  expect(authority.calls).toEqual(["reserve", "commit", "commit"]);
  const [first, again] = authority.settled;
  expect(again).toEqual(first);
});
// #endregion

import { expect, inject, it } from "vitest";
import { expectedVerdict, runSuite } from "../suite.ts";

// Vitest loads this file in a page.

it("gives the one verdict", async () => {
  expect(await runSuite(inject("world"))).toEqual(expectedVerdict);
});

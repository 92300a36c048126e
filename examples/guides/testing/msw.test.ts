// #region msw
import { openTestAuthority } from "@imprest/testing";
import { aspHandlers, cyclesHandlers } from "@imprest/testing/msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { answer, costOfAnswer, openAsp, openCycles } from "./program.ts";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

it("charges an answer over the Cycles protocol", async () => {
  await using test = await openTestAuthority();
  const { baseUrl, apiKey } = test.connection;
  server.use(...cyclesHandlers(test.embedded, { baseUrl }));
  await answer(openCycles({ baseUrl, apiKey }));
  expect(await test.books()).toMatchObject({ spent: costOfAnswer });
});

it("charges an answer over the Agent Spend Protocol", async () => {
  await using test = await openTestAuthority();
  const { baseUrl, apiKey } = test.connection;
  server.use(...aspHandlers(test.embedded, { baseUrl }));
  await answer(openAsp({ baseUrl, apiKey }));
  expect(await test.books()).toMatchObject({ spent: costOfAnswer });
});
// #endregion

// #region broken
import { brokenTransport, openTestAuthority } from "@imprest/testing";
import { expect, it } from "vitest";
import { answer, costOfAnswer, openCycles } from "./program.ts";

it("charges an answer once though the first answer of the authority is lost", async () => {
  await using test = await openTestAuthority();
  const { connection, clock } = test;
  const transport = brokenTransport(connection.transport, (_request, count) =>
    count === 1 ? "answer-lost" : undefined,
  );
  await clock.drive(answer(openCycles({ ...connection, transport })));
  expect(await test.books()).toMatchObject({ spent: costOfAnswer, reserved: { amount: 0n } });
});
// #endregion

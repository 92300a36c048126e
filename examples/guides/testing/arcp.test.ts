// #region arcp
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { expect, it } from "vitest";
import { research } from "./program.ts";

it("keeps what a job reported before its connection was lost", async () => {
  const runtime = new ScriptedRuntime();
  const session = await runtime.connect();
  const found = research(session, "tea");

  const submitted = await runtime.until("job.submit");
  runtime.accept("job_1", { lease: submitted.payload.lease_request, budget: { USD: 1 } });
  runtime.event("job_1", "metric", { name: "cost.search", value: 0.4, unit: "USD" });
  runtime.drop();

  await runtime.clock.advance(1_000); // the client connects again
  runtime.succeed("job_1", "leaves");
  expect(await found).toBe("leaves, USD 0.6 left");
  session.detach();
});
// #endregion

import { connect } from "@imprest/arcp";
import { createManualClock } from "@imprest/testing";
import { ScriptedRuntime } from "@imprest/testing/arcp";
import { describe, expect, it, onTestFinished, vi } from "vitest";

describe("a scripted runtime", () => {
  it("takes a job through a lost connection to its result, on the test's clock", async () => {
    const clock = createManualClock();
    const runtime = new ScriptedRuntime(clock);
    const session = await runtime.connect();
    const submitting = session.submit({ agent: "writer", input: { topic: "tea" } });
    expect((await runtime.until("job.submit")).payload).toMatchObject({ agent: "writer", input: { topic: "tea" } });
    runtime.accept("job_1");
    const job = await submitting;
    runtime.drop();
    const result = job.result();
    await runtime.until("job.submit");
    await clock.advance(1_000);
    runtime.log("job_1", "behind the break");
    runtime.succeed("job_1", "a text");
    expect(await clock.drive(result)).toBe("a text");
    expect(runtime.received).toHaveLength(2);
    expect(runtime.framesOf("session.hello")[1]?.payload.resume).toMatchObject({ session_id: "sess_1" });
    await clock.drive(session.close());
    expect(clock.timers).toBe(0);
  });

  it("refuses a client in the words of the test, and answers frames as they come", async () => {
    const runtime = new ScriptedRuntime();
    runtime.onHello = () => ({ type: "session.error", payload: { code: "UNAUTHENTICATED", message: "no" } });
    await expect(runtime.connect()).rejects.toMatchObject({ errorCode: "UNAUTHENTICATED" });
    runtime.onHello = undefined;
    runtime.onFrame = ({ type }) => {
      if (type !== "job.submit") return;
      runtime.accept("job_1");
      runtime.succeed("job_1", 42);
    };
    const session = await connect(runtime.dial, { token: "t", clock: runtime.clock });
    expect(await (await session.submit({ agent: "counter" })).result()).toBe(42);
    session.detach();
  });

  it("sends what no client of ours reads without a warning, and says so when nothing came", async () => {
    const runtime = new ScriptedRuntime();
    expect(() => runtime.send({ type: "session.ping" })).toThrow("No client is connected");
    const session = await runtime.connect();
    runtime.sendText("{");
    await runtime.clock.advance(10);
    expect(runtime.warnings).toHaveLength(1);
    vi.spyOn(performance, "now").mockReturnValueOnce(0).mockReturnValue(2_001);
    onTestFinished(() => void vi.restoreAllMocks());
    await expect(runtime.until("job.cancel")).rejects.toThrow("The client sent no job.cancel.");
    session.detach();
  });
});

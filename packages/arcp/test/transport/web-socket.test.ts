import { describe, expect, it } from "vitest";
import { connect, openWebSocket } from "../../src/index.ts";
import { serveWebSocket } from "../../src/node/runtime.ts";
import { createArcpRuntime } from "../../src/runtime/index.ts";
import { refusal } from "../support/refusal.ts";

describe("the global WebSocket", () => {
  it("submits and streams over a real socket", async () => {
    const runtime = createArcpRuntime({ authenticate: (token) => token });
    runtime.agent("ticks", async (context) => {
      for (let at = 0; at < 20; at++) {
        await context.log("info", `${at}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return "done";
    });
    const server = await serveWebSocket(runtime);
    const session = await connect(server.url, { token: "alice", backOff: () => 10 });
    const job = await session.submit({ agent: "ticks" });
    const seen: string[] = [];
    for await (const event of job.events({ kinds: ["log"] })) {
      if (event.kind === "log") seen.push(event.body.message);
    }
    expect([seen.length, await job.result()]).toEqual([20, "done"]);
    await session.close();
    await server.close();
    runtime.close();
  });

  it("a port where nobody listens is an error", async () => {
    expect(await refusal(connect("ws://127.0.0.1:9", { token: "t" }))).toBe("ConnectionError");
    expect(await refusal(openWebSocket(new URL("ws://127.0.0.1:9")))).toBe("ConnectionError");
  });
});

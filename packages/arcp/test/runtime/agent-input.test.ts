import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { createRuntime, RawClient } from "./support.ts";

const question = z.object({
  text: z.string(),
  depth: z.number().int().max(3).default(1),
  "a/b": z.array(z.string()).optional(),
});

describe("an agent with a schema of its input", () => {
  function serve(): RawClient {
    const { runtime } = createRuntime();
    runtime.agent(
      "researcher",
      ({ input }) => {
        expectTypeOf(input).toEqualTypeOf<z.output<typeof question>>();
        return `${input.text} ${input.depth + 1}`;
      },
      { input: question },
    );
    runtime.agent("maybe", ({ input }) => input ?? "nothing", { input: z.string().optional() });
    runtime.agent("slow", ({ input }) => input, { input: z.string().refine(async (text) => text === "yes") });
    runtime.agent("boss", async (context) => (await context.delegate({ agent: "researcher", input: {} })).result());
    return new RawClient(runtime);
  }

  it("gets what the schema returns, typed, defaults filled in", async () => {
    const client = serve();
    await client.hello();
    await client.submit({ agent: "researcher", input: { text: "tea" } });
    expect((await client.nextOf("job.result")).payload["result"]).toBe("tea 2");
  });

  it("is not run with another: the submit is refused by pointers before there is a job", async () => {
    const client = serve();
    await client.hello();
    const refused = await client.submit({ agent: "researcher", input: { depth: 9, "a/b": [1] } });
    expect(refused).toMatchObject({ type: "session.error", payload: { code: "INVALID_REQUEST", retryable: false } });
    const { issues } = refused.payload["details"] as { issues: { pointer: string; message: string }[] };
    expect(issues.map(({ pointer }) => pointer)).toEqual(["/input/text", "/input/depth", "/input/a~1b/0"]);
    expect(client.of("job.accepted")).toEqual([]);
  });

  it("takes null for an input that was not given, and awaits a schema that takes its time", async () => {
    const client = serve();
    await client.hello();
    for (const input of [null, undefined]) {
      await client.submit({ agent: "maybe", input });
      expect((await client.nextOf("job.result")).payload["result"]).toBe("nothing");
    }
    expect((await client.submit({ agent: "slow", input: "no" })).payload.code).toBe("INVALID_REQUEST");
    expect((await client.submit({ agent: "slow", input: "yes" })).type).toBe("job.accepted");
  });

  it("is protected from those that delegate to it as well", async () => {
    const client = serve();
    await client.hello();
    await client.submit({ agent: "boss", lease_request: { "agent.delegate": ["*"] } });
    expect((await client.nextOf("job.error")).payload).toMatchObject({ code: "INVALID_REQUEST" });
  });
});

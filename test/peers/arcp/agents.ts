import { type ArcpRuntime, arcpFailure, createArcpRuntime } from "@imprest/arcp/runtime";

/** A runtime of ours with the agents that the drivers of the other libraries ask for. */
export function createPeerRuntime(): ArcpRuntime {
  const runtime = createArcpRuntime({
    authenticate: (token) => (["alice", "lister"].includes(token) ? token : undefined),
    heartbeatIntervalMs: 1_000,
    cancelGraceMs: 500,
    tools: { search: () => "hit" },
  });
  return runtime
    .agent("echo", async (context) => {
      await context.log("info", "echoing");
      return { echoed: context.input };
    })
    .agent("chatty", async (context) => {
      await context.thought("hm");
      await context.status("working", "on it");
      await context.callTool("search", { q: 1 });
      await context.progress({ current: 1, total: 2, units: "steps" });
      await context.metric({ name: "rows", value: 3, dimensions: { a: "1" } });
      await context.artifact({ uri: "https://example.com/a", content_type: "text/html", byte_size: 3 });
      return "said";
    })
    .agent("text", async ({ result }) => {
      for (const word of ["one ", "two ", "three"]) await result.write(word);
    })
    .agent("bytes", async ({ result }) => {
      await result.write(new Uint8Array([0, 255, 7]));
      await result.write(new Uint8Array([1, 2]));
    })
    .agent("spender", async (context) => {
      await context.metric({ name: "cost.search", value: "1.25", unit: "USD" });
      context.authorize("tool.call", "search");
      return "spent";
    })
    .agent(
      "wait",
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
    )
    .agent("fails", () => {
      throw arcpFailure("INTERNAL_ERROR", "It failed on purpose.");
    })
    .agent("ticker", async (context) => {
      for (let current = 1; current <= 5; current++) {
        await context.progress({ current, total: 5 });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return "ticked";
    })
    .agent("boss", async (context) => (await context.delegate({ agent: "echo", input: "child" })).result())
    .agent("versioned@1.0.0", () => "one")
    .agent("versioned@2.0.0", () => "two", { default: true });
}

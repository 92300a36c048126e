import { connect } from "@imprest/arcp";

/** What a session came to; every runtime must give the same. */
export interface SessionVerdict {
  readonly events: readonly string[];
  readonly result: unknown;
  readonly streamed: string;
  readonly left: string | undefined;
  readonly cancelled: string;
  readonly refused: string;
  readonly state: string;
}

/** One session over the host's own WebSocket, against the runtime that the test serves. */
export async function runArcpSession(url: string): Promise<SessionVerdict> {
  const session = await connect(url, { token: "secret", backOff: () => 300 });
  const job = await session.submit({ agent: "worker@1.0.0", input: { a: 1 }, lease: { "cost.budget": ["USD:1.00"] } });
  const events: string[] = [];
  for await (const event of job) events.push(event.kind === "log" ? event.body.message : event.kind);
  const chunks = await session.submit({ agent: "chunks" });
  const slow = await session.submit({ agent: "slow" });
  await slow.cancel("enough");
  const refused = await session.submit({ agent: "nobody" }).then(
    () => "accepted",
    (error: { readonly errorCode?: string }) => error.errorCode ?? "unknown",
  );
  const verdict = {
    events,
    result: await job.result(),
    streamed: await chunks.stream().text(),
    left: job.budget.remaining("USD"),
    cancelled: (await slow.outcome()).status,
    refused,
  };
  await session.close();
  return { ...verdict, state: session.state };
}

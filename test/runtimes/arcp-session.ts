import { connect } from "@imprest/arcp";
import { countingSignal } from "./counting-signal.ts";

/** What a session came to; every runtime must give the same. */
export interface SessionVerdict {
  readonly events: readonly string[];
  readonly result: unknown;
  readonly streamed: string;
  readonly left: string | undefined;
  readonly cancelled: string;
  readonly refused: string;
  readonly state: string;
  /** Listeners left on the caller's signal. */
  readonly listeners: number;
}

/** One session over the host's own WebSocket, against the runtime that the test serves. */
export async function runArcpSession(url: string): Promise<SessionVerdict> {
  const { signal, count } = countingSignal();
  const session = await connect(url, { token: "secret", backOff: () => 300, signal });
  const worker = { agent: "worker@1.0.0", input: { a: 1 }, lease: { "cost.budget": ["USD:1.00"] } };
  const job = await session.submit({ ...worker, signal });
  const events: string[] = [];
  for await (const event of job) events.push(event.kind === "log" ? event.body.message : event.kind);
  const chunks = await session.submit({ agent: "chunks", signal });
  const slow = await session.submit({ agent: "slow" });
  await slow.cancel("enough");
  const refused = await session.submit({ agent: "nobody", signal }).then(
    () => "accepted",
    (error: { readonly errorCode?: string }) => error.errorCode ?? "unknown",
  );
  const verdict = {
    events,
    result: await job.result({ signal }),
    streamed: await chunks.stream().text(),
    left: job.budget.remaining("USD"),
    cancelled: (await slow.outcome()).status,
    refused,
  };
  await session.close();
  return { ...verdict, state: session.state, listeners: count() };
}

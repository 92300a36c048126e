import { type ArcpSession, connect } from "@imprest/arcp";
import { failureOf } from "./check.ts";
import { type CountingSignal, countingSignal } from "./counting-signal.ts";

/** What a session came to. */
export interface SessionVerdict {
  readonly events: readonly string[];
  readonly result: unknown;
  readonly streamed: string;
  readonly left: string | undefined;
  readonly cancelled: string;
  readonly refused: string;
  readonly aborted: string;
  readonly resumed: number;
  readonly state: string;
  /** Listeners left on the callers' signals. */
  readonly listeners: number;
  readonly listened: boolean;
}

/** What every runtime must give, against `serveArcp`. */
export const expectedSession: SessionVerdict = {
  events: ["status", ...Array.from({ length: 20 }, (_, at) => `event ${at}`), "metric", "metric"],
  result: { a: 1 },
  streamed: "héllo wörld",
  left: "0.9",
  cancelled: "cancelled",
  refused: "AGENT_NOT_AVAILABLE",
  aborted: "AbortedError AbortedError",
  resumed: 1,
  state: "closed",
  listeners: 0,
  listened: true,
};

/** One session over the host's own WebSocket, against the runtime that the test serves. */
export async function runArcpSession(url: string): Promise<SessionVerdict> {
  const whole = countingSignal();
  const { signal } = whole;
  const session = await connect(url, { token: "secret", backOff: () => 300, signal });
  let resumed = 0;
  session.on("state", ({ state }) => (resumed += state === "resuming" ? 1 : 0));
  const worker = { agent: "worker@1.0.0", input: { a: 1 }, lease: { "cost.budget": ["USD:1.00"] } };
  const job = await session.submit({ ...worker, signal });
  const events: string[] = [];
  for await (const event of job) events.push(event.kind === "log" ? event.body.message : event.kind);
  const chunks = await session.submit({ agent: "chunks", signal });
  const slow = await session.submit({ agent: "slow", signal });
  const stopped = countingSignal();
  const aborted = await abortTwice(session, stopped);
  await slow.cancel("enough", { signal });
  let refused = "";
  for (let at = 0; at < 25; at += 1) {
    refused = await session.submit({ agent: "nobody", signal }).then(
      () => "accepted",
      (error: { readonly errorCode?: string }) => error.errorCode ?? "unknown",
    );
  }
  const verdict = {
    events,
    result: await job.result({ signal }),
    streamed: await chunks.stream().text(),
    left: job.budget.remaining("USD"),
    cancelled: (await slow.outcome({ signal })).status,
    refused,
    aborted,
    resumed,
  };
  await session.close();
  return {
    ...verdict,
    state: session.state,
    listeners: whole.left() + stopped.left(),
    listened: whole.everAdded() > 0 && stopped.everAdded() > 0,
  };
}

/** A wait that is aborted while it goes on, and a job that is asked for after its caller has gone. */
async function abortTwice(session: ArcpSession, { signal, abort }: CountingSignal): Promise<string> {
  const endless = await session.submit({ agent: "slow" });
  const waiting = failureOf(endless.result({ signal }));
  abort();
  const failures = [await waiting, await failureOf(session.submit({ agent: "slow", signal }))];
  await endless.cancel();
  return failures.join(" ");
}

import { describe, expect, it } from "vitest";
import { type ConnectOptions, type ArcpSession, connect } from "../../src/index.ts";
import type { ArcpEvent, ArcpJob, JobOutcome, JobView } from "../../src/index.ts";
import { createManualClock, type ManualClock } from "@imprest/testing";
import { type PlayOptions, TranscriptPlayer, transcriptNames, transcriptsMissing } from "../support/transcript.ts";

interface Stage {
  readonly player: TranscriptPlayer;
  readonly clock: ManualClock;
  /** Connects to the next recorded connection. */
  readonly open: (options?: Partial<ConnectOptions>) => Promise<ArcpSession>;
  readonly warnings: string[];
}

interface Case {
  /** What the client is made to do, and what comes of it. */
  readonly act: (stage: Stage) => Promise<unknown>;
  readonly expected: unknown;
  readonly play?: PlayOptions;
  /** Alters the frames that the outcome rests on; `undefined` where the runtime sent none. */
  readonly bearing: Bearing | undefined;
}

type Bearing = readonly [type: string, alter: (payload: Record<string, unknown>, frame: object) => void];

/** `{ ticks: 12 }` becomes something else; the end of the job is not what was recorded. */
const result: Bearing = ["job.result", (payload) => void (payload["result"] = "altered")];
/** A welcome without a session. */
const nameless: Bearing = ["session.welcome", (_, frame) => void Object.assign(frame, { session_id: undefined })];
const failure: Bearing = ["job.error", (payload) => void (payload["code"] = "ALTERED")];

function raise(): never {
  throw new Error("the session has no ticket");
}

function kinds(events: readonly ArcpEvent[]): string {
  return events.map(({ kind }) => kind).join(" ");
}

async function collect(job: JobView): Promise<ArcpEvent[]> {
  const events: ArcpEvent[] = [];
  for await (const event of job) events.push(event);
  return events;
}

function outcome(settled: JobOutcome): unknown {
  return settled.status === "success"
    ? settled.value
    : [settled.status, settled.error.errorCode, settled.error.retryable];
}

async function end(job: JobView): Promise<unknown> {
  return outcome(await job.outcome());
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => "no error",
    (reason: Error & { readonly errorCode?: string }) => reason.errorCode ?? reason.name,
  );
  return error;
}

/** A submit, its event kinds and its end. */
async function run(stage: Stage, request: Parameters<ArcpSession["submit"]>[0]): Promise<unknown[]> {
  const session = await stage.open();
  const job = await session.submit({ idempotencyKey: false, ...request });
  const events = await collect(job);
  const seen = [kinds(events), await end(job)];
  await session.close();
  return seen;
}

/** What the reference runtime says of a job it does not have. */
const notFound: PlayOptions["answer"] = ({ type, payload, job_id }) =>
  type === "job.subscribe"
    ? {
        type: "job.error",
        job_id: payload.job_id ?? job_id,
        event_seq: 9,
        payload: { final_status: "error", code: "JOB_NOT_FOUND", message: "not found", retryable: false },
      }
    : undefined;

const noJobs: PlayOptions["answer"] = ({ type, id }) =>
  type === "session.list_jobs"
    ? { type: "session.jobs", payload: { request_id: id, jobs: [], next_cursor: null } }
    : undefined;

function logs(count: number): string {
  return ["status", ...Array.from({ length: count }, () => "log")].join(" ");
}

const cases: Readonly<Record<string, Case>> = {
  "01-hello-welcome": {
    act: async ({ open }) => {
      const session = await open();
      const seen = [session.runtime.name, session.features.size, session.resolveAgent("code-refactor"), session.state];
      await session.close();
      return [...seen, session.state];
    },
    expected: ["arcp-ref-runtime", 9, "code-refactor@2.0.0", "live", "closed"],
    bearing: ["session.welcome", (payload) => void (payload["runtime"] = { name: "altered", version: "1" })],
  },
  "02-submit-all-event-kinds": {
    act: async (stage) => {
      const session = await stage.open();
      const job = await session.submit({
        agent: "allkinds",
        input: { x: 1 },
        lease: { "tool.call": ["search.*"] },
        maxRuntimeSec: 30,
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      });
      const events = await collect(job);
      const metric = events.find((event) => event.kind === "metric");
      const unnumbered = events.map(({ seq }) => seq).join();
      const ended = await end(job);
      await session.close();
      return [kinds(events), metric?.body, unnumbered, ended, job.traceId, stage.player.sent[0]?.[1]?.["trace_id"]];
    },
    expected: [
      "status log thought tool_call tool_result metric artifact_ref progress x-vendor.acme.note status",
      { name: "rows", value: 12408, unit: "rows", dims: { table: "sales" }, dimensions: { table: "sales" } },
      "1,2,3,4,5,6,7,8,9,10",
      { ok: true },
      "4bf92f3577b34da6a3ce929d0e0e4736",
      "4bf92f3577b34da6a3ce929d0e0e4736",
    ],
    bearing: result,
  },
  "03-cancel": {
    act: async ({ open, player }) => {
      const session = await open();
      const job = await session.submit({ agent: "slow", input: {} });
      await job.cancel("user clicked stop");
      const ended = await end(job);
      const cancel = player.sent[0]?.find(({ type }) => type === "job.cancel");
      await session.close();
      return [ended, cancel?.payload, cancel?.["job_id"] === job.id];
    },
    expected: [["cancelled", "CANCELLED", false], { reason: "user clicked stop" }, true],
    bearing: failure,
  },
  "04-idempotent-resubmit-running": {
    act: async ({ open }) => {
      const session = await open();
      const request = { agent: "slow", input: { ticks: 6 }, idempotencyKey: "k1" };
      const first = await session.submit(request);
      const second = await session.submit(request);
      const ends = await Promise.all([end(first), end(second)]);
      await session.close();
      return [first.id === second.id, ...ends];
    },
    expected: [true, { ticks: 6 }, { ticks: 6 }],
    bearing: result,
  },
  "05-idempotent-resubmit-after-terminal": {
    act: async ({ open }) => {
      const session = await open();
      const request = { agent: "echo", input: { a: 1 }, idempotencyKey: "k2" };
      const first = await session.submit(request);
      const ended = await end(first);
      const second = await session.submit(request);
      const seen = [first.id === second.id, ended, await second.result(), await second.json()];
      await session.close();
      return seen;
    },
    expected: [true, { echoed: { a: 1 } }, { echoed: { a: 1 } }, { echoed: { a: 1 } }],
    bearing: result,
  },
  "06-duplicate-key": {
    act: async ({ open }) => {
      const session = await open();
      const first = await session.submit({ agent: "slow", input: { ticks: 12 }, idempotencyKey: "k3" });
      const second = await refusal(session.submit({ agent: "slow", input: { ticks: 13 }, idempotencyKey: "k3" }));
      const ended = await end(first);
      await session.close();
      return [second, ended];
    },
    expected: ["DUPLICATE_KEY", { ticks: 12 }],
    bearing: failure,
  },
  "07-list-jobs": {
    act: async ({ open, player }) => {
      const session = await open();
      const lease = { "tool.call": ["**"] };
      const jobs: ArcpJob[] = [];
      for (const agent of ["chatty", "slow", "chatty", "slow", "chatty"]) {
        jobs.push(await session.submit({ agent, input: { ticks: 20, n: 2, hold: 800 }, lease }));
      }
      const listed = [];
      for await (const job of session.listJobs({ status: ["running", "pending"] })) listed.push(job);
      const slow = [];
      for await (const job of session.listJobs({ agent: "slow", createdAfter: "2020-01-01T00:00:00Z" })) slow.push(job);
      await Promise.all(jobs.map((job) => job.cancel()));
      const ended = await Promise.all(jobs.filter(({ agent }) => agent === "slow").map(end));
      await session.close();
      const cursors = player.sent[0]
        ?.filter(({ type }) => type === "session.list_jobs")
        .map((sent) => "cursor" in sent.payload);
      return [listed.map(({ jobId }) => jobs.findIndex(({ id }) => id === jobId)), slow.length, cursors, ended];
    },
    expected: [
      [0, 1, 2, 3, 4],
      2,
      [false, true, true, false],
      [
        ["cancelled", "CANCELLED", false],
        ["cancelled", "CANCELLED", false],
      ],
    ],
    bearing: ["session.jobs", (payload) => void (payload["jobs"] = [])],
  },
  "08-subscribe-history-unsubscribe": {
    act: async ({ open }) => {
      const alice = await open();
      const expiresAt = "2026-11-20T10:31:52.923Z";
      const job = await alice.submit({
        agent: "slow",
        input: { ticks: 12, ms: 40 },
        lease: { "cost.budget": ["USD:5.00"] },
        expiresAt,
      });
      const dashboard = await open();
      let found = "";
      for await (const listed of dashboard.listJobs({ status: ["running"] })) found = listed.jobId;
      const subscription = await dashboard.subscribe(found, { history: true, fromEventSeq: 0 });
      const events = [];
      for await (const event of subscription) {
        events.push(event);
        if (events.length === 8) subscription.unsubscribe();
      }
      const left = await refusal(subscription.outcome());
      const ended = await end(job);
      const seen = [kinds(events), subscription.expiresAt, subscription.budget.remaining("USD"), subscription.replayed];
      await Promise.all([alice.close(), dashboard.close()]);
      return [...seen, left, ended, "cancel" in subscription];
    },
    expected: [logs(7), "2026-11-20T10:31:52.923Z", "5", true, "SessionEndedError", { ticks: 12 }, false],
    bearing: ["job.subscribed", (payload) => void (payload["lease_constraints"] = {})],
  },
  "09-subscribe-live-to-result": {
    act: async ({ open }) => {
      const alice = await open();
      const job = await alice.submit({ agent: "slow", input: { ticks: 8, ms: 40 } });
      const dashboard = await open();
      const subscription = await dashboard.subscribe(job.id);
      const events = await collect(subscription);
      const seen = [kinds(events), subscription.replayed, await subscription.result(), await end(job)];
      await Promise.all([alice.close(), dashboard.close()]);
      return seen;
    },
    expected: ["log log log log log log log", false, { ticks: 8 }, { ticks: 8 }],
    bearing: result,
  },
  "10-subscribe-denied-and-unknown": {
    act: async ({ open }) => {
      const alice = await open();
      const job = await alice.submit({ agent: "slow", input: { ticks: 12 } });
      const bob = await open({ token: "tok-bob" });
      const denied = await refusal(bob.subscribe(job.id));
      const unknown = await refusal(bob.subscribe("job_01JZZZZZZZZZZZZZZZZZZZZZZZ", { history: true }));
      await job.cancel();
      const ended = await end(job);
      await Promise.all([alice.close(), bob.close()]);
      return [denied, unknown, ended];
    },
    expected: ["PERMISSION_DENIED", "JOB_NOT_FOUND", ["cancelled", "CANCELLED", false]],
    bearing: ["session.error", (payload) => void (payload["code"] = "ALTERED")],
  },
  "11-ack-auto-and-manual": {
    act: async (stage) => {
      const session = await stage.open();
      const job = await session.submit({ agent: "chatty", input: { n: 50 } });
      const events = await collect(job);
      await stage.clock.advance(1000);
      const acknowledgements = stage.player.sent[0]
        ?.filter(({ type }) => type === "session.ack")
        .map(({ payload }) => payload);
      await session.close();
      return [kinds(events), await end(job), acknowledgements];
    },
    expected: [logs(50), "done", [{ last_processed_seq: 52 }]],
    bearing: result,
  },
  "12-back-pressure-status": {
    act: async (stage) => {
      const [seen, ended] = await run(stage, { agent: "chatty", input: { n: 40, hold: 30 } });
      const counts = { status: 0, log: 0 };
      for (const kind of String(seen).split(" ")) counts[kind as "status" | "log"]++;
      return [counts, ended];
    },
    expected: [{ status: 2, log: 40 }, "done"],
    bearing: result,
  },
  "13-ping-pong": {
    act: async ({ open, player, clock }) => {
      const first = await open();
      await clock.advance(3000);
      const pongs = player.sent[0]
        ?.filter(({ type }) => type === "session.pong")
        .map(({ payload }) => payload.ping_nonce);
      await first.close();
      return pongs;
    },
    expected: ["msg_01M7W84Q4FB80W9B3WA66EBMNT", "msg_01M7W84R3P5HKHENNBCCHJQXM9"],
    bearing: ["session.ping", (payload) => void (payload["nonce"] = "altered")],
  },
  "14-heartbeat-lost-runtime-side": {
    act: async ({ open, player, clock }) => {
      const session = await open({ reconnect: false });
      await clock.advance(2500);
      const pong = player.sent[0]?.find(({ type }) => type === "session.pong");
      return [session.state, pong?.payload.ping_nonce, await refusal(session.submit({ agent: "echo" }))];
    },
    expected: ["failed", "msg_01M7W84SDRVZQ4H54YVN7H99SB", "SessionEndedError"],
    bearing: ["session.error", (payload) => void (payload["code"] = "ALTERED")],
  },
  "15-resume-after-drop-job-finished": {
    play: { cut: { 1: 5 }, answer: noJobs },
    act: async ({ open, player }) => {
      const session = await open();
      const { id } = session;
      const job = await session.submit({ agent: "slow", input: { ticks: 6, ms: 20 } });
      const events = await collect(job);
      const { resume } = player.sent[1]?.[0]?.payload ?? {};
      const seen = [kinds(events), events.map(({ seq }) => seq).join(), await end(job), resume?.last_event_seq];
      await session.close();
      return [...seen, session.id === id, resume?.resume_token === player.sent[0]?.[0]?.payload.resume?.resume_token];
    },
    expected: [logs(6), "1,2,3,4,5,6,7", { ticks: 6 }, 3, true, false],
    bearing: result,
  },
  "16a-resume-caught-up-is-rejected": {
    play: { answer: noJobs },
    act: async ({ open, player }) => {
      const session = await open();
      const { id } = session;
      const job = await session.submit({ agent: "echo", input: 1 });
      const ended = await end(job);
      player.drop(1);
      await new Promise<void>((resolve) => session.on("state", ({ state }) => state === "live" && resolve()));
      const asked = [1, 2].map((conn) => player.sent[conn]?.[0]?.payload.resume.last_event_seq);
      const seen = [ended, asked, session.id === id];
      await session.close();
      return seen;
    },
    expected: [{ echoed: 1 }, [3, 2], true],
    bearing: ["session.error", (payload) => void (payload["code"] = "UNAUTHENTICATED")],
  },
  "16b-resume-after-drop-job-still-running": {
    play: { cut: { 1: 9 }, answer: notFound },
    act: async ({ open }) => {
      const session = await open();
      const job = await session.submit({ agent: "slow", input: { ticks: 30, ms: 30 } });
      const seen = [await refusal(job.result()), await refusal(collect(job))];
      await session.close();
      return seen;
    },
    expected: ["JobLostError", "JobLostError"],
    bearing: ["job.accepted", (payload) => void (payload["parent_job_id"] = "altered")],
  },
  "16c-same-client-resume-throws": {
    act: async ({ open, player }) => {
      const session = await open({ reconnect: false });
      const job = await session.submit({ agent: "slow", input: { ticks: 30, ms: 30 } });
      player.drop(1);
      const lost = await refusal(job.result());
      return [
        lost,
        await refusal(session.submit({ agent: "echo" })),
        session.state,
        (await job
          .events()
          .next()
          .catch(() => "fails")) !== undefined,
      ];
    },
    expected: ["SessionEndedError", "SessionEndedError", "failed", true],
    bearing: ["job.accepted", (payload) => void (payload["parent_job_id"] = "altered")],
  },
  "17-resume-window-expired-and-bad-token": {
    act: async ({ open, player, clock }) => {
      const session = await open();
      const job = await session.submit({ agent: "echo", input: 1 });
      const ended = await end(job);
      const ticket = { ...(session.detach() ?? raise()), lastEventSeq: 0 };
      const seen = [await refusal(open({ resume: ticket })), await refusal(open({ resume: ticket }))];
      // The reference runtime lets another principal resume; the client then has the job of that session.
      const other = await open({ resume: ticket, token: "tok-bob" });
      await clock.advance(10);
      const adopted = other.job(job.id);
      seen.push(adopted && (await end(adopted)), adopted && kinds(await collect(adopted)));
      seen.push(await refusal(open({ resume: other.detach() })), session.state);
      return [ended, ...seen, player.sent[1]?.[0]?.payload.resume.resume_token.startsWith("rt_")];
    },
    expected: [
      { echoed: 1 },
      "RESUME_WINDOW_EXPIRED",
      "RESUME_WINDOW_EXPIRED",
      { echoed: 1 },
      "status log",
      "RESUME_WINDOW_EXPIRED",
      "closed",
      true,
    ],
    bearing: result,
  },
  "18-lease-expiry": {
    act: (stage) =>
      run(stage, {
        agent: "leased",
        input: {},
        lease: { "tool.call": ["fs.*"] },
        expiresAt: "2026-11-20T10:31:09.267Z",
      }),
    expected: ["status tool_call", ["error", "LEASE_EXPIRED", false]],
    bearing: failure,
  },
  "19-lease-expires-at-in-past-and-non-utc": {
    act: async ({ open, player }) => {
      const session = await open();
      const seen = [];
      for (const bad of [
        { expiresAt: "2020-01-01T00:00:00Z" },
        { expiresAt: "2999-01-01T00:00:00+02:00" },
        { lease: { "nope.cap": ["*"] } },
        { lease: { "cost.budget": ["USD"] } },
      ]) {
        seen.push(await refusal(session.submit({ agent: "echo", input: 1, ...bad })));
      }
      // None of these reaches a runtime; its own refusal is returned all the same.
      const sent = player.sent[0]?.length;
      seen.push(await refusal(session.submit({ agent: "echo", input: 1 })), sent);
      await session.close();
      return seen;
    },
    expected: ["ValidationError", "ValidationError", "ValidationError", "ValidationError", "INVALID_REQUEST", 1],
    bearing: failure,
  },
  "20-lease-violation-permission-denied": {
    act: async ({ open }) => {
      const session = await open();
      const job = await session.submit({ agent: "violator", input: {}, lease: { "tool.call": ["search.*"] } });
      const refused = (await collect(job)).flatMap((event) =>
        event.kind === "tool_result" ? [event.body.error?.code] : [],
      );
      const ended = await end(job);
      await session.close();
      return [refused, ended];
    },
    expected: [["PERMISSION_DENIED"], "done"],
    bearing: result,
  },
  "21-budget-exhaustion-tool-result": {
    act: async ({ open }) => {
      const session = await open();
      const job = await session.submit({
        agent: "budgeted",
        input: {},
        lease: { "tool.call": ["**"], "cost.budget": ["USD:1.00", "credits:1000"] },
      });
      const low: string[] = [];
      job.budget.onBelow("USD", 0.5, (remaining) => low.push(remaining));
      const events = await collect(job);
      const { status } = await job.outcome();
      const refused = events.flatMap((event) =>
        event.kind === "tool_result" && event.body.error ? [event.body.error.code] : [],
      );
      await session.close();
      return [status, refused, job.budget.remaining("USD"), job.budget.remaining("credits"), job.costs, low.length];
    },
    expected: ["success", ["BUDGET_EXHAUSTED"], "-0.12", "1000", { USD: "1.12" }, 1],
    bearing: ["job.accepted", (payload) => void (payload["budget"] = { USD: 9, credits: 9 })],
  },
  "22-budget-exhaustion-fatal": {
    act: async (stage) => {
      const [, ended] = await run(stage, {
        agent: "budgeted",
        input: { fatal: true },
        lease: { "tool.call": ["**"], "cost.budget": ["USD:1.00"] },
      });
      return ended;
    },
    expected: ["error", "BUDGET_EXHAUSTED", false],
    bearing: failure,
  },
  "23-result-chunk-utf8": {
    act: async ({ open }) => {
      const session = await open();
      const job = await session.submit({ agent: "chunks", input: {} });
      const seen = [await job.text(), await job.result(), (await job.outcome()).status];
      await session.close();
      return seen;
    },
    expected: ["héllo wörld!", "héllo wörld!", "success"],
    bearing: ["job.result", (payload) => void (payload["result_size"] = 13)],
  },
  "24-result-chunk-base64": {
    act: async ({ open }) => {
      const session = await open();
      const job = await session.submit({ agent: "chunks", input: { encoding: "base64" } });
      const bytes = await job.result();
      await session.close();
      return [...(bytes as Uint8Array)];
    },
    expected: [0, 255, 7, 1, 254, 7, 2, 253, 7, 9],
    bearing: ["job.result", (payload) => void (payload["result_id"] = "altered")],
  },
  "25-result-chunk-auto-finalize": {
    act: async ({ open }) => {
      const session = await open();
      const job = await session.submit({ agent: "chunks-nofinalize", input: {} });
      const text = await job.stream().text();
      await session.close();
      return text;
    },
    expected: "ab",
    bearing: ["job.result", (payload) => void (payload["result_size"] = 3)],
  },
  "26-agent-and-version-not-available": {
    act: async ({ open }) => {
      const session = await open();
      const pinned = await session.submit({ agent: "code-refactor@1.0.0", input: 1 });
      const bare = await session.submit({ agent: "code-refactor", input: 1 });
      const seen = [pinned.agent, await end(pinned), bare.agent, await end(bare)];
      seen.push(await refusal(session.submit({ agent: "code-refactor@3.0.0", input: 1 })));
      seen.push(await refusal(session.submit({ agent: "nope", input: 1 })));
      seen.push(await refusal(session.submit({ agent: "Bad Name@@", input: 1 })));
      await session.close();
      return seen;
    },
    expected: [
      "code-refactor@1.0.0",
      "v1",
      "code-refactor@2.0.0",
      "v2",
      "AGENT_VERSION_NOT_AVAILABLE",
      "AGENT_NOT_AVAILABLE",
      "ValidationError",
    ],
    bearing: ["session.error", (payload) => void (payload["code"] = "ALTERED")],
  },
  "27-provisioned-credentials": {
    act: async ({ open }) => {
      const alice = await open();
      const lease = { "model.use": ["tier-fast/*"], "cost.budget": ["USD:5.00"] };
      const job = await alice.submit({ agent: "slow", input: { ticks: 8 }, lease });
      const credential = job.credentials.get("cred_1");
      const seen: unknown[] = [
        credential?.value.reveal(),
        JSON.stringify([...job.credentials]).includes("SECRET"),
        credential?.constraints,
        job.credentials.forUrl("https://gateway.example.com/v1/chat")?.id,
        job.credentials.forUrl("https://evil.example.com/v1/chat"),
      ];
      const second = await open();
      await second.subscribe(job.id);
      const bob = await open({ token: "tok-bob" });
      await bob.subscribe(job.id);
      seen.push(await end(job), job.credentials.size);
      await Promise.all([alice.close(), second.close(), bob.close()]);
      return seen;
    },
    expected: [
      "sk-virt-SECRET-APTS",
      false,
      {
        expires_at: "2999-01-01T00:00:00Z",
        allowed_models: ["tier-fast/*"],
        max_spend: { currency: "USD", amount: 5 },
      },
      "cred_1",
      undefined,
      { ticks: 8 },
      0,
    ],
    bearing: ["job.accepted", (payload) => void (payload["credentials"] = [])],
  },
  "28-credential-rotated-status": {
    act: async ({ open }) => {
      const alice = await open();
      const bob = await open({ token: "tok-bob" });
      const lease = { "model.use": ["tier-fast/*"] };
      await (await alice.submit({ agent: "slow", input: { ticks: 3 }, lease })).result();
      const job = await alice.submit({ agent: "rotator", input: {}, lease });
      const rotated: string[] = [];
      job.credentials.onRotate(({ value }) => rotated.push(value.reveal()));
      const watched = await bob.subscribe(job.id, { history: true });
      const printed = JSON.stringify([await collect(job), await collect(watched)]);
      await Promise.all([alice.close(), bob.close()]);
      return [rotated.length <= 1, printed.includes("sk-virt"), printed.includes("credential_rotated"), await end(job)];
    },
    expected: [true, false, true, "rotated"],
    bearing: result,
  },
  "29-close-bye": {
    act: async ({ open, player }) => {
      const session = await open();
      await session.close("finished");
      const verbs = player.sent[0]?.map(({ type, payload }) => [type, payload.reason]).slice(1);
      return [verbs, session.state];
    },
    expected: [
      [
        ["session.close", "finished"],
        ["session.bye", "finished"],
      ],
      "closed",
    ],
    bearing: nameless,
  },
  "30-spec-session-close-vs-ref-runtime": {
    act: async ({ open, player, clock }) => {
      const session = await open();
      const before = clock.monotonic();
      await session.close("bye");
      return [player.sent[0]?.map(({ type }) => type), clock.monotonic() - before < 10, session.state];
    },
    expected: [["session.hello", "session.close", "session.bye"], true, "closed"],
    bearing: nameless,
  },
  "31-spec-session-resume-vs-ref-runtime": {
    act: async ({ open, player }) => [
      await refusal(open({ handshakeTimeoutMs: 500 })),
      player.sent[0]?.map(({ type }) => type),
    ],
    expected: ["TimeoutError", ["session.hello"]],
    bearing: undefined,
  },
  "32-unauthenticated": {
    act: async ({ open, clock }) => {
      const before = clock.monotonic();
      return [await refusal(open()), clock.monotonic() - before < 10];
    },
    expected: ["UNAUTHENTICATED", true],
    bearing: ["session.error", (payload) => void (payload["code"] = "ALTERED")],
  },
  "33-malformed-and-unknown-type": {
    act: async ({ open, player }) => {
      const session = await open();
      // The recorded client misbehaved; ours sends only what can be read, and emits the refusals as warnings.
      const sent = player.sent[0]?.[0];
      await session.close();
      return [
        /^msg_[0-9A-HJKMNP-TV-Z]{26}$/.test(sent?.id ?? ""),
        Object.values(sent ?? {}).includes(null),
        session.agents.length > 0,
      ];
    },
    expected: [true, false, true],
    bearing: ["session.welcome", (payload) => void (payload["capabilities"] = {})],
  },
  "34-timeout-max-runtime": {
    act: async (stage) => {
      const [seen, ended] = await run(stage, { agent: "slow", input: { ticks: 100 }, maxRuntimeSec: 1 });
      return [String(seen).split(" ").length, ended];
    },
    expected: [21, ["timed_out", "TIMEOUT", true]],
    bearing: failure,
  },
  "35-delegate": {
    act: async ({ open }) => {
      const session = await open();
      const lease = { "agent.delegate": ["child"], "tool.call": ["search.*"] };
      const job = await session.submit({ agent: "parent", input: {}, lease });
      const seen = [kinds(await collect(job)), await end(job)];
      const [child] = job.children;
      seen.push(
        child?.agent,
        child?.delegateId ?? "",
        child && (await end(child)),
        child && kinds(await collect(child)),
      );
      await session.close();
      return seen;
    },
    expected: ["status delegate", "parent-done", "child", "del_1", "child-done", "status log"],
    bearing: result,
  },
  "36-delegate-lease-subset-violation": {
    act: async ({ open }) => {
      const session = await open();
      const lease = { "agent.delegate": ["child"], "tool.call": ["search.*"] };
      const job = await session.submit({ agent: "parent", input: { expand: true }, lease });
      const refused = (await collect(job)).flatMap((event) =>
        event.kind === "tool_result" ? [[event.body.call_id, event.body.error?.code]] : [],
      );
      const seen = [refused, job.children.length, await end(job)];
      await session.close();
      return seen;
    },
    expected: [[["del_1", "LEASE_SUBSET_VIOLATION"]], 0, "parent-done"],
    bearing: result,
  },
  "37-agent-throws-internal-error": {
    act: (stage) => run(stage, { agent: "boom", input: {} }),
    expected: ["status", ["error", "INTERNAL_ERROR", true]],
    bearing: failure,
  },
  "38-feature-not-negotiated": {
    act: async ({ open, player }) => {
      const session = await open({ features: ["heartbeat"] });
      const list = async (): Promise<void> => void (await session.listJobs().next());
      const seen = [await refusal(list()), await refusal(session.subscribe("job_x")), player.sent[0]?.length];
      await session.close();
      return [...seen, player.sent[0]?.some(({ type }) => type === "session.ack")];
    },
    expected: ["ValidationError", "ValidationError", 1, false],
    bearing: nameless,
  },
  "39-buffer-cap-exceeded": {
    play: { answer: noJobs },
    act: async ({ open }) => {
      const session = await open({ reconnect: false });
      const job = await session.submit({ agent: "chatty", input: { n: 100 } });
      const iterator = job.events();
      let count = 0;
      const lost = await refusal(
        (async () => {
          for await (const event of iterator) count += event.seq > 0 ? 1 : 0;
        })(),
      );
      return [count, lost, await refusal(job.result())];
    },
    expected: [49, "SessionEndedError", "SessionEndedError"],
    bearing: ["job.event", (_, frame) => void Object.assign(frame, { event_seq: undefined })],
  },
  "40-concurrent-jobs-interleaved-seq": {
    act: async ({ open }) => {
      const session = await open();
      const request = { agent: "slow", input: { ticks: 3, ms: 10 } };
      const jobs = await Promise.all([session.submit(request), session.submit(request), session.submit(request)]);
      const events = await Promise.all(jobs.map(collect));
      const seen = [events.map(kinds), await Promise.all(jobs.map(end)), new Set(jobs.map(({ id }) => id)).size];
      const seqs = events
        .flat()
        .map(({ seq }) => seq)
        .toSorted((left, right) => left - right);
      await session.close();
      return [...seen, seqs.length];
    },
    expected: [[logs(3), logs(3), logs(3)], [{ ticks: 3 }, { ticks: 3 }, { ticks: 3 }], 3, 12],
    bearing: result,
  },
};

async function perform({ act, play }: Case, name: string, mutate?: PlayOptions["mutate"]): Promise<unknown> {
  const clock = createManualClock(Date.parse("2026-11-20T10:30:00Z"));
  const player = new TranscriptPlayer(name, clock, { ...play, mutate });
  const warnings: string[] = [];
  const sessions: ArcpSession[] = [];
  const stage: Stage = {
    player,
    clock,
    warnings,
    open: async (options) => {
      const session = await connect(player.dial, {
        token: "tok-alice",
        clock,
        backOff: () => 0,
        requestTimeoutMs: 2000,
        ...options,
      });
      session.on("warning", ({ code }) => warnings.push(code));
      sessions.push(session);
      return session;
    },
  };
  return clock.drive(act(stage));
}

/** A title of its own for each recording: `27-provisioned-credentials` is "provisioned credentials". */
const titled = Object.entries(cases).map(
  ([name, test]) => [name.replace(/^\w+?-/, "").replaceAll("-", " "), name, test] as const,
);

describe.skipIf(transcriptsMissing)("recorded sessions", () => {
  it("has an expected outcome for every transcript", () => {
    expect(Object.keys(cases).toSorted()).toEqual(transcriptNames());
  });

  it.each(titled)("%s", async (_title, name, test) => {
    expect(await perform(test, name)).toEqual(test.expected);
  });

  it.each(titled.filter(([, , { bearing }]) => bearing))(
    "%s: an altered frame is noticed",
    async (_title, name, test) => {
      const [type, alter] = test.bearing ?? ["", () => {}];
      let altered = 0;
      const mutate: PlayOptions["mutate"] = (frame) => {
        if (frame.type !== type) return;
        altered++;
        alter(frame.payload, frame);
      };
      const seen = await perform(test, name, mutate).catch((error: unknown) => error);
      expect(altered).toBeGreaterThan(0);
      expect(seen).not.toEqual(test.expected);
    },
  );
});

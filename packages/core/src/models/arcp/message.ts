import type { Shape } from "../../wire/shape.ts";
import { type JobEvent, jobEvent } from "./event.ts";
import { type WireFailure, wireFailure } from "./failure.ts";
import {
  type JobAccepted,
  type JobCancel,
  type JobCancelled,
  type JobError,
  type JobResult,
  type JobSubmit,
  type JobSubscribe,
  type JobSubscribed,
  type JobUnsubscribe,
  jobAccepted,
  jobCancel,
  jobCancelled,
  jobError,
  jobResult,
  jobSubmit,
  jobSubscribe,
  jobSubscribed,
  jobUnsubscribe,
} from "./job.ts";
import {
  type SessionAck,
  type SessionClose,
  type SessionHello,
  type SessionJobs,
  type SessionListJobs,
  type SessionPing,
  type SessionPong,
  type SessionResume,
  type SessionWelcome,
  sessionAck,
  sessionClose,
  sessionHello,
  sessionJobs,
  sessionListJobs,
  sessionPing,
  sessionPong,
  sessionResume,
  sessionWelcome,
} from "./session.ts";

/** What a client sends: payload by message type. */
export interface ClientMessages {
  readonly "session.hello": SessionHello;
  readonly "session.resume": SessionResume;
  readonly "session.close": SessionClose;
  readonly "session.bye": SessionClose;
  readonly "session.ping": SessionPing;
  readonly "session.pong": SessionPong;
  readonly "session.ack": SessionAck;
  readonly "session.list_jobs": SessionListJobs;
  readonly "job.submit": JobSubmit;
  readonly "job.cancel": JobCancel;
  readonly "job.subscribe": JobSubscribe;
  readonly "job.unsubscribe": JobUnsubscribe;
}

/** What a runtime sends: payload by message type. */
export interface RuntimeMessages {
  readonly "session.welcome": SessionWelcome;
  readonly "session.error": WireFailure;
  readonly "session.closed": SessionClose;
  readonly "session.bye": SessionClose;
  readonly "session.ping": SessionPing;
  readonly "session.pong": SessionPong;
  readonly "session.jobs": SessionJobs;
  readonly "job.accepted": JobAccepted;
  readonly "job.cancelled": JobCancelled;
  readonly "job.event": JobEvent;
  readonly "job.result": JobResult;
  readonly "job.error": JobError;
  readonly "job.subscribed": JobSubscribed;
}

/** The shapes of the payloads that a client sends, by message type. */
export const clientMessages: { readonly [Type in keyof ClientMessages]: Shape<ClientMessages[Type]> } = {
  "session.hello": sessionHello,
  "session.resume": sessionResume,
  "session.close": sessionClose,
  "session.bye": sessionClose,
  "session.ping": sessionPing,
  "session.pong": sessionPong,
  "session.ack": sessionAck,
  "session.list_jobs": sessionListJobs,
  "job.submit": jobSubmit,
  "job.cancel": jobCancel,
  "job.subscribe": jobSubscribe,
  "job.unsubscribe": jobUnsubscribe,
};

/** The shapes of the payloads that a runtime sends, by message type. */
export const runtimeMessages: { readonly [Type in keyof RuntimeMessages]: Shape<RuntimeMessages[Type]> } = {
  "session.welcome": sessionWelcome,
  "session.error": wireFailure,
  "session.closed": sessionClose,
  "session.bye": sessionClose,
  "session.ping": sessionPing,
  "session.pong": sessionPong,
  "session.jobs": sessionJobs,
  "job.accepted": jobAccepted,
  "job.cancelled": jobCancelled,
  "job.event": jobEvent,
  "job.result": jobResult,
  "job.error": jobError,
  "job.subscribed": jobSubscribed,
};
